import assert from "node:assert/strict";
import { join } from "node:path";
import { sharedTest } from "../std/test_support.ts";
import { describeModel } from "./architectures/mod.ts";
import { bitsPerWeight } from "./checkpoint.ts";
import { openCheckpoint } from "./open.ts";
import { validateCheckpoint } from "./validate.ts";

/** What is known of the files that `../shared/models/fetch.py` brings. */
const MODELS = {
  smollm2: {
    architecture: "llama",
    layers: 30,
    heads: [9, 3, 64],
    vocabSize: 49152,
    tied: true,
    eos: 2,
    bits: 5.74,
    windows: 0,
  },
  gemma270: {
    architecture: "gemma3_text",
    layers: 18,
    heads: [4, 1, 256],
    vocabSize: 262144,
    tied: true,
    eos: 1,
    bits: 7.35,
    windows: 15,
  },
  qwen05: {
    architecture: "qwen2",
    layers: 24,
    heads: [14, 2, 64],
    vocabSize: 151936,
    tied: false,
    eos: 151645,
    bits: 6.16,
    windows: 0,
  },
};

for (const [name, known] of Object.entries(MODELS)) {
  sharedTest(`openCheckpoint() opens, describes and reads the real ${name}`, async (shared) => {
    const { stdout, stderr, success } = await new Deno.Command("python3", {
      args: [join(shared, "models", "fetch.py"), name],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const checkpoint = await openCheckpoint(new TextDecoder().decode(stdout).trim());
    try {
      const spec = describeModel(checkpoint.config);
      validateCheckpoint(checkpoint, spec);
      const { heads, kvHeads, headDim } = spec.layers[0];
      assert.deepEqual(
        {
          architecture: spec.architecture,
          layers: spec.layers.length,
          heads: [heads, kvHeads, headDim],
          vocabSize: spec.vocabSize,
          tied: spec.tied,
          eos: checkpoint.eosTokenIds[0],
          bits: Number(bitsPerWeight(checkpoint).toFixed(2)),
          windows: spec.layers.filter((layer) => layer.window).length,
        },
        known,
      );
      for (const { name, shape } of checkpoint.tensors.values()) {
        for (let row = 0; row < shape[0]; row += 4096) {
          await checkpoint.readRows(name, row, Math.min(4096, shape[0] - row));
        }
      }
    } finally {
      checkpoint.close();
    }
  });
}
