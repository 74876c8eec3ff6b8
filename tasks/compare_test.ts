import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTestRun } from "slolab/report/testing/run.ts";
import { inTemp, ROOT } from "slolab/std/test_support.ts";

async function compare(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "-P=report", "tasks/compare.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, text, errors };
}

Deno.test("compare exits with 0, with 1 for a regression where asked to, with 2 for bad input", () =>
  inTemp(async (dir) => {
    const [a, b] = [join(dir, "a"), join(dir, "b")];
    await writeTestRun(a, { concurrencies: [1] });
    await writeTestRun(b, { concurrencies: [1], factor: 1.5 });
    const json = await compare(a, b, "--json");
    assert.equal(json.code, 0, json.errors);
    assert.ok(JSON.parse(json.text).regressions.length > 0);
    assert.equal((await compare(a, b, "--fail-on-regression")).code, 1);
    assert.equal((await compare(a, b, "--fail-on-regression", "--threshold", "60")).code, 0);
    assert.equal((await compare(b, a, "--fail-on-regression")).code, 0);
    for (const args of [[a], [a, join(dir, "none")], [a, b, "--threshold", "much"]]) {
      const { code, text, errors } = await compare(...args);
      assert.deepEqual([code, text], [2, ""]);
      assert.match(errors, /^compare: Cannot [^\n]+\n$/);
    }
  }));
