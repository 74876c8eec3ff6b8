/** The real models against what PyTorch computes of the same weights, and the promises made on real models. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readJsonl } from "../std/files.ts";
import { sharedTest } from "../std/test_support.ts";
import { OrtRunner } from "./ort_runner.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { fetchTestModel, withVariant } from "./testing/build_variant.ts";
import { type GoldenAnswer, teacherForce } from "./testing/teacher_forcing.ts";

sharedTest(
  "SmolLM2 fp32 and med agree with PyTorch, teacher-forced on the golden answers",
  async (shared) => {
    const path = await fetchTestModel(shared, "smollm2");
    const golden = await readJsonl<GoldenAnswer>(join(shared, "golden", "smollm2.jsonl"));
    for (const variant of ["fp32", "med"] as const) {
      await withVariant(path, variant, async (folder) => {
        const runner = await OrtRunner.create(folder, { context: 1024 });
        const { positions, sameArgmax, largestError, meanKl } = await teacherForce(runner, golden);
        runner.close();
        console.log(
          `smollm2 ${variant}: same argmax on ${(100 * sameArgmax).toFixed(2)}% of ${positions} positions, ` +
            `log-probabilities within ${largestError.toExponential(1)}, mean KL ${
              meanKl.toExponential(2)
            } nats`,
        );
        if (variant === "fp32") {
          assert.ok(sameArgmax >= 0.999, `${sameArgmax}`);
          assert.ok(largestError <= 0.01, `${largestError}`);
        } else {
          assert.ok(sameArgmax >= 0.97, `${sameArgmax}`);
          assert.ok(meanKl < 0.01, `${meanKl}`);
        }
      });
    }
  },
);

sharedTest(
  "SmolLM2 med: a request's logits are the same alone and among 16 others",
  async (shared) =>
    withVariant(await fetchTestModel(shared, "smollm2"), "med", async (folder) => {
      const runner = await OrtRunner.create(folder, { slots: 16, context: 512 });
      try {
        await assertBatchInvariant(runner, { longest: 300, outputs: 10 });
      } finally {
        runner.close();
      }
    }),
);
