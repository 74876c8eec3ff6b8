/** Every form against floats, and alone against in company. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeModel } from "../checkpoint/architectures/mod.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { addForm, formsOf } from "../compress/build.ts";
import { QUANTISED_FORMS, type QuantisedForm } from "../compress/variant.ts";
import { BadInput } from "../std/errors.ts";
import { sharedTest } from "../std/test_support.ts";
import { chunkBounds } from "./batcher.ts";
import { compareRows, compareRunners } from "./divergence.ts";
import { ensureForm } from "./forms.ts";
import { OrtRunner } from "./ort_runner.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { withVariant } from "./testing/build_variant.ts";

/** Largest mean KL to float weights, in nats, of blocks, and of the others relative to blocks. */
const LARGEST_KL = 0.01, LARGEST_RATIO = 4;
const ALL = QUANTISED_FORMS, UNTURNED = ALL.filter((form) => !form.startsWith("rotated8"));

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
          const load = (dir: string, form?: QuantisedForm) =>
            OrtRunner.create(dir, { form, threads: 2, slots: 1, chunk: 16 });
          const reference = await load(exact);
          let limit = LARGEST_KL; // blocks come first
          const ids = Array.from({ length: 40 }, (_, i) => (i * 7919) % reference.vocabSize);
          for (const form of forms) {
            await ensureForm({ checkpoint: path, dir: folder }, form);
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
        const path = join(shared, "tiny/llama");
        await withVariant(path, variant, async (folder) => {
          await ensureForm({ checkpoint: path, dir: folder }, form);
          using runner = await OrtRunner.create(folder, { form, threads: 2, slots: 16, chunk: 16 });
          await assertBatchInvariant(runner, { longest: 60, outputs: 12, stem: 40 });
        });
      },
    );
  }
}

sharedTest("with 8-bit KV a token decodes as it does at the end of a prompt", async (shared) => {
  const path = join(shared, "tiny/llama"), form = "blocks-kv8";
  await withVariant(path, "med", async (folder) => {
    await ensureForm({ checkpoint: path, dir: folder }, form);
    const load = (form: QuantisedForm) => OrtRunner.create(folder, { form, threads: 2, slots: 2, chunk: 4 });
    using exact = await load("blocks");
    using runner = await load(form);
    const ids = Array.from({ length: 24 }, (_, i) => (i * 7919) % runner.vocabSize), half = 12;
    const prompt = async (runner: OrtRunner, slot: number, to: number) => {
      let logits!: Float32Array;
      for (const [start, end] of chunkBounds(0, to, runner.chunk)) {
        logits = await runner.prefill(slot, ids.slice(start, end), start, "last");
      }
      return logits.slice();
    };
    await prompt(runner, 1, half);
    await prompt(runner, 0, 2); // another prompt takes the floats
    let decodedKl = 0, promptKl = 0;
    for (let position = half; position < ids.length; position++) {
      const row = { slot: 1, tokenId: ids[position], position };
      const decoded = (await runner.decode([row], () => 2)).slice();
      const reference = await prompt(exact, 0, position + 1);
      decodedKl += compareRows(reference, decoded).kl;
      promptKl += compareRows(reference, await prompt(runner, 0, position + 1)).kl;
    }
    assert.ok(promptKl > 0 && decodedKl < 2 * promptKl, `decoding costs ${decodedKl}, prompts ${promptKl}`);
  });
});

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
