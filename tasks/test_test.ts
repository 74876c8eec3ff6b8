import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "slolab/std/test_support.ts";
import { countsOf, runGate } from "./test.ts";

Deno.test("countsOf() reads the last closing line of deno test, steps apart", () => {
  assert.deepEqual(
    countsOf(
      "a ... ok (1ms)\n\nok | 1 passed | 0 failed (9ms)\n\nFAILED | 12 passed (30 steps) | 2 failed (1 step) | 3 ignored (1m2s)\n\n",
    ),
    { passed: 12, failed: 2, skipped: 3 },
  );
  assert.deepEqual(countsOf("ok | 5 passed | 0 failed (9ms)\n"), { passed: 5, failed: 0, skipped: 0 });
});

Deno.test("countsOf() gives null for tests that were killed", () => {
  assert.equal(
    countsOf("running 3 tests from ./a_test.ts\nok | is no line of ours, nor is this: x ok | 1 p"),
    null,
  );
  assert.equal(countsOf(""), null);
});

/** Runs the gate on files made for it. */
async function gate(files: Record<string, string>, checks: Record<string, string[]> = {}, full = false) {
  const root = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries({ "deno.json": "{}\n", ...files })) {
      await Deno.writeTextFile(join(root, name), text);
    }
    let text = "";
    const counts = await runGate({ root, checks, full, only: [] }, (part) => text += part);
    return { counts, text };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const PASSES = 'Deno.test("passes", () => {});\n';
const FAILS = 'Deno.test("fails", () => {\n  throw new Error("on purpose");\n});\n';
const SKIPS = 'Deno.test({ name: "skips", ignore: true, fn: () => {} });\n';
const DIES = 'Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));\n';

Deno.test("runGate() counts the tests of the quick files, or of the heavy ones", async () => {
  const files = { "a_test.ts": PASSES + FAILS + SKIPS, "b_test.ts": PASSES, "b_full_test.ts": PASSES };
  assert.deepEqual((await gate(files)).counts, { passed: 2, failed: 1, skipped: 1 });
  assert.deepEqual((await gate(files, {}, true)).counts, { passed: 1, failed: 0, skipped: 0 });
});

Deno.test("runGate() counts a check that fails, names it, and goes on to the tests", async () => {
  const checks = { format: ["fmt", "--check", "--quiet"], lint: ["lint", "--quiet"] };
  const { counts, text } = await gate({ "a_test.ts": `  ${PASSES}` }, checks);
  assert.deepEqual(counts, { passed: 1, failed: 1, skipped: 0 });
  assert.match(text, /^format: FAILED \(.*\nlint: ok \(/);
  assert.match(text, /^FAILED: format$/m);
});

Deno.test("runGate() fails where the tests are killed, or there are none", async () => {
  const killed = await gate({ "a_test.ts": PASSES + DIES });
  assert.deepEqual(killed.counts, { passed: 0, failed: 1, skipped: 0 });
  assert.match(killed.text, /FAILED: tests, which ended early\n$/);
  assert.match((await gate({})).text, /FAILED: tests: none found\n$/);
});

Deno.test("task test ends with the counts and exits 1 where something fails", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-env", "--allow-run", "tasks/test.ts", "--only", "no such file"],
    cwd: ROOT,
  }).output();
  assert.equal(code, 1);
  assert.match(new TextDecoder().decode(stdout), /^0 passed, 1 failed, 0 skipped\n$/m);
});
