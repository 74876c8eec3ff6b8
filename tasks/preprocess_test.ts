import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "slolab/std/test_support.ts";

async function preprocess(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "preprocess", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("preprocess ends with the sample where the hub is out of reach, and says so", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const env = { HF_HUB_OFFLINE: "1", HF_HOME: join(dir, "hf") };
    const { code, stdout, stderr } = await preprocess(["--output-dir", join(dir, "out")], env);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /HF_HUB_OFFLINE is set[\s\S]*Using the sample/);
    assert.match(stdout, /mmlu +68 +23 +23 +114 +57 /);
    assert.match(stdout, /The sample, not the benchmarks/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("preprocess refuses a raw folder that is not there with one line and exit code 2", async () => {
  const { code, stderr } = await preprocess(["--raw-dir", "no/such/folder"]);
  assert.equal(code, 2);
  assert.match(stderr, /^preprocess: Cannot read raw data .*no\/such\/folder$/m);
});
