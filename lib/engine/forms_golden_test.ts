/** Every form against floats, and alone against in company. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeModel } from "../checkpoint/architectures/mod.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { addForm, formsOf } from "../compress/build.ts";
import { QUANTISED_FORMS } from "../compress/variant.ts";
import { BadInput } from "../std/errors.ts";
import { sharedTest } from "../std/test_support.ts";
import { exactCodes } from "./codes.ts";
import { compareRunners } from "./divergence.ts";
import { OrtRunner } from "./ort_runner.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { withVariant } from "./testing/build_variant.ts";

/** Largest mean KL to float weights, in nats, of blocks, and of the others relative to blocks. */
const LARGEST_KL = 0.01, LARGEST_RATIO = 4;
const ALL = [...QUANTISED_FORMS], UNTURNED = ALL.filter((form) => form !== "rotated8");

for (
  const [name, forms] of [
    ["llama", ALL],
    ["qwen2", ALL], // biases
    ["qwen3", ALL], // norms of heads
    ["phi3", ALL], // fused tensors, partly rotated heads
    ["gemma3", UNTURNED],
    ["gpt2", UNTURNED],
  ] as const
) {
  sharedTest(`${name} med: every form is near the float weights`, async (shared) => {
    const path = join(shared, "tiny", name), checkpoint = await openCheckpoint(path);
    try {
      assert.deepEqual(formsOf(describeModel(checkpoint.config)), forms);
      await withVariant(path, "fp32", (exact) =>
        withVariant(path, "med", async (folder) => {
          const load = (dir: string, form?: typeof QUANTISED_FORMS[number]) =>
            OrtRunner.create(dir, { form, threads: 2, slots: 1, chunk: 16 });
          const reference = await load(exact);
          let limit = LARGEST_KL; // blocks come first
          const ids = Array.from({ length: 40 }, (_, i) => (i * 7919) % reference.vocabSize);
          for (const form of forms) {
            await addForm(checkpoint, folder, { form, codes: await exactCodes() });
            const runner = await load(folder, form);
            const [{ meanKl }] = await compareRunners(reference, [runner], [ids]);
            runner.close();
            if (form === "blocks") limit = LARGEST_RATIO * meanKl;
            assert.ok(meanKl < limit, `${form}: KL ${meanKl}`);
          }
          reference.close();
        }));
    } finally {
      checkpoint.close();
    }
  });
}

for (const variant of ["med", "cheap"] as const) {
  for (const form of ALL.slice(1)) {
    sharedTest(
      `${variant} as ${form}: a request's logits are the same alone and among 16 others`,
      async (shared) => {
        const path = join(shared, "tiny/llama"), checkpoint = await openCheckpoint(path);
        try {
          await withVariant(path, variant, async (folder) => {
            await addForm(checkpoint, folder, { form, codes: await exactCodes() });
            const runner = await OrtRunner.create(folder, { form, threads: 2, slots: 16, chunk: 16 });
            try {
              await assertBatchInvariant(runner, { longest: 60, outputs: 12 });
            } finally {
              runner.close();
            }
          });
        } finally {
          checkpoint.close();
        }
      },
    );
  }
}

sharedTest("addForm() refuses to rotate what cannot be rotated", async (shared) => {
  const path = join(shared, "tiny/gemma3"), checkpoint = await openCheckpoint(path);
  try {
    await withVariant(path, "med", (folder) =>
      assert.rejects(
        addForm(checkpoint, folder, { form: "rotated8", codes: "int8" }),
        (e) => e instanceof BadInput && /Cannot run gemma3.* as rotated8/.test(e.message),
      ));
  } finally {
    checkpoint.close();
  }
});
