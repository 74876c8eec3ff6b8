/** The graph of each architecture, run by the engine, against what transformers computes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeModel } from "../checkpoint/architectures/mod.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { type GoldenCase, readGolden, roundLikeGolden, TINY_MODELS } from "../checkpoint/testing/golden.ts";
import { referenceLogits } from "../checkpoint/testing/reference_forward.ts";
import { SMALL_LLAMA, smallLlamaTensors, writeFolder } from "../checkpoint/testing/write_checkpoint.ts";
import { OrtRunner } from "../engine/ort_runner.ts";
import { argmax } from "../engine/sampling.ts";
import { inTemp, sharedTest } from "../std/test_support.ts";
import { addForm, buildVariant } from "./build.ts";
import type { VariantName } from "./variant.ts";

interface Nearness {
  /** Largest difference of a logit, relative to the case's largest. */
  error: number;
  /** Greedy tokens that are the golden ones, of all. */
  same: number;
  tokens: number;
}

/** Runs a prompt and, teacher-forced, its greedy tokens. */
async function compare(
  runner: OrtRunner,
  { inputIds, logits: golden, greedyIds }: GoldenCase,
): Promise<Nearness> {
  const largest = golden.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  const slot = 1;
  let logits = await runner.prefill(slot, inputIds, 0, [0, inputIds.length]);
  const error = logits.reduce((max, v, i) => Math.max(max, Math.abs(v - golden[i])), 0) / largest;
  logits = logits.subarray(-runner.vocabSize);
  let same = 0;
  for (const [at, tokenId] of greedyIds.entries()) {
    if (argmax(logits) === tokenId) same++;
    logits = await runner.decode([{ slot, tokenId, position: inputIds.length + at }], () => 0);
  }
  return { error, same, tokens: greedyIds.length };
}

async function nearness(
  folder: string,
  name: string,
  variant: VariantName,
  form?: "fp16",
): Promise<Nearness> {
  let all: Nearness = { error: 0, same: 0, tokens: 0 };
  await inTemp(async (dir) => {
    const checkpoint = await openCheckpoint(folder);
    const outDir = join(dir, "built");
    try {
      await buildVariant(checkpoint, {
        model: name,
        variant,
        outDir,
        source: { kind: "path", location: folder, revision: null, sha256: await checkpoint.sourceHash() },
        spec: describeModel(roundLikeGolden(name, checkpoint.config)),
      });
      if (form) await addForm(checkpoint, outDir, { form, codes: "int8" });
    } finally {
      checkpoint.close();
    }
    const runner = await OrtRunner.create(outDir, { slots: 2, chunk: 64, form });
    try {
      for (const golden of readGolden(folder)) {
        const { error, same, tokens } = await compare(runner, golden);
        all = { error: Math.max(all.error, error), same: all.same + same, tokens: all.tokens + tokens };
      }
    } finally {
      runner.close();
    }
  });
  return all;
}

for (const name of TINY_MODELS) {
  for (const variant of ["fp32", "base"] as const) {
    sharedTest(`${name} ${variant}: logits and greedy ids are those of transformers`, async (shared) => {
      const { error, same, tokens } = await nearness(join(shared, "tiny", name), name, variant);
      assert.ok(error <= 1e-3, `logits differ by ${error} of the largest`);
      assert.equal(same, tokens);
    });
  }

  sharedTest(`${name} med and cheap: near them, med nearer`, async (shared) => {
    const [med, cheap] = await Promise.all(
      (["med", "cheap"] as const).map((variant) => nearness(join(shared, "tiny", name), name, variant)),
    );
    assert.ok(med.error < 0.1 && cheap.error < 0.6, `${med.error} and ${cheap.error} of the largest`);
    assert.ok(med.error < cheap.error);
  });
}

for (const name of TINY_MODELS) {
  sharedTest(
    `${name} fp16, CUDA's form run on the CPU: near transformers over the weights of each variant`,
    async (shared) => {
      const near = (variant: VariantName) => nearness(join(shared, "tiny", name), name, variant, "fp16");
      const [base, med, cheap] = [await near("base"), await near("med"), await near("cheap")];
      assert.ok(base.error < 5e-3, `base: logits differ by ${base.error} of the largest`);
      assert.ok(base.same >= 0.95 * base.tokens, `base: ${base.same} of ${base.tokens}`);
      assert.ok(med.error < 0.1 && cheap.error < 0.6, `${med.error} and ${cheap.error} of the largest`);
    },
  );
}

Deno.test("heads that attention can't rotate itself are rotated before it", () =>
  inTemp(async (dir) => {
    const folder = join(dir, "m"), outDir = join(dir, "built");
    await writeFolder(folder, SMALL_LLAMA, smallLlamaTensors()); // heads of 8
    const checkpoint = await openCheckpoint(folder);
    const ids = [1, 5, 9, 3, 23, 0, 7];
    const source = { kind: "path", location: folder, revision: null, sha256: "" } as const;
    await buildVariant(checkpoint, { model: "small", variant: "fp32", outDir, source });
    const expected = await referenceLogits(checkpoint, describeModel(checkpoint.config), ids);
    checkpoint.close();
    const runner = await OrtRunner.create(outDir, { slots: 1 });
    const logits = await runner.prefill(0, ids, 0, [0, ids.length]);
    for (const [p, row] of expected.entries()) {
      for (const [i, value] of row.entries()) {
        assert.ok(Math.abs(logits[p * row.length + i] - value) < 1e-4 * Math.max(1, Math.abs(value)));
      }
    }
    runner.close();
  }));
