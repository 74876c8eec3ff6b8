/** The real models against what PyTorch computes of the same weights, and the promises made on real models. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readJsonl } from "../std/files.ts";
import { sharedTest } from "../std/test_support.ts";
import { ensureForm } from "./forms.ts";
import { OrtRunner } from "./ort_runner.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { fetchTestModel, withVariant } from "./testing/build_variant.ts";
import { type GoldenAnswer, teacherForce } from "./testing/teacher_forcing.ts";

/** How near a variant must be to the golden answers; `exact` variants hold the very weights behind them. */
const EXACT = { sameArgmax: 0.999, largestError: 0.01, meanKl: 1e-4 };
const ROUNDED = { sameArgmax: 0.97, largestError: Infinity, meanKl: 0.01 };

for (
  const [model, variant, least] of [
    ["smollm2", "fp32", EXACT],
    ["smollm2", "med", ROUNDED],
    ["qwen05", "base", EXACT], // its golden weights were rounded to float16, as base's are
    ["gemma270", "fp32", EXACT],
  ] as const
) {
  sharedTest(
    `${model} ${variant} agrees with PyTorch, teacher-forced on the golden answers`,
    async (shared) => {
      const path = await fetchTestModel(shared, model);
      const golden = await readJsonl<GoldenAnswer>(join(shared, "golden", `${model}.jsonl`));
      await withVariant(path, variant, async (folder) => {
        const runner = await OrtRunner.create(folder, { context: 1024 });
        const { positions, sameArgmax, largestError, meanKl } = await teacherForce(runner, golden);
        runner.close();
        console.log(
          `${model} ${variant}: same argmax on ${
            (100 * sameArgmax).toFixed(2)
          }% of ${positions} positions, ` +
            `log-probabilities within ${largestError.toExponential(1)}, mean KL ${
              meanKl.toExponential(2)
            } nats`,
        );
        assert.ok(sameArgmax >= least.sameArgmax, `${sameArgmax}`);
        assert.ok(largestError <= least.largestError, `${largestError}`);
        assert.ok(meanKl <= least.meanKl, `${meanKl}`);
      });
    },
  );
}

for (
  const [variant, form] of [
    ["med", "rotated8"],
    ["cheap", "rotated8"],
    ["med", "rows8"],
    ["med", "rotated8-kv8"],
  ] as const
) {
  sharedTest(
    `SmolLM2 ${variant} as ${form}: a request's logits are the same alone and among 16 others`,
    async (shared) => {
      const path = await fetchTestModel(shared, "smollm2");
      await withVariant(path, variant, async (folder) => {
        await ensureForm({ checkpoint: path, dir: folder }, form);
        using runner = await OrtRunner.create(folder, { form, slots: 16, context: 512 });
        await assertBatchInvariant(runner, { longest: 300, outputs: 6 });
      });
    },
  );
}

sharedTest(
  "SmolLM2 med: a request's logits are the same alone, among 16 others, and with the KV of a shared prefix",
  async (shared) =>
    withVariant(await fetchTestModel(shared, "smollm2"), "med", async (folder) => {
      const invariant = async (slots: number, requests: Parameters<typeof assertBatchInvariant>[1]) => {
        const runner = await OrtRunner.create(folder, { slots, context: 512 });
        try {
          await assertBatchInvariant(runner, requests);
        } finally {
          runner.close();
        }
      };
      await invariant(16, { longest: 300, outputs: 10 });
      await invariant(5, { longest: 300, outputs: 4, stem: 270 });
    }),
);
