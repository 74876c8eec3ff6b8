/** The engine on WebGPU, for real though in software: against the CPU, and its own promises. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readGolden, TINY_MODELS } from "../checkpoint/testing/golden.ts";
import { readJsonl } from "../std/files.ts";
import { needsTest, SHARED } from "../std/test_support.ts";
import { BadInput } from "../std/errors.ts";
import { compareRunners } from "./divergence.ts";
import { OrtRunner } from "./ort_runner.ts";
import { argmax } from "./sampling.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { fetchTestModel, withVariant } from "./testing/build_variant.ts";
import { assertKvCacheKeepsSlotsApart } from "./testing/kv_cache_suite.ts";
import { useSwiftShader } from "./testing/swiftshader.ts";
import type { GoldenAnswer } from "./testing/teacher_forcing.ts";

const noGpu = useSwiftShader();
const lacking = noGpu ?? (SHARED === null ? "../shared is not beside the repository" : null);
const tiny = (name: string) => join(SHARED!, "tiny", name);

needsTest(
  "KvCache on webgpu: chunks and ranges change their slots alone",
  noGpu,
  () => assertKvCacheKeepsSlotsApart("webgpu"),
);

for (const name of TINY_MODELS) {
  needsTest(
    `webgpu, tiny ${name}: logits and greedy ids are those of the CPU`,
    lacking,
    () =>
      withVariant(tiny(name), "fp32", async (folder) => {
        const [gpu, cpu] = [
          await OrtRunner.create(folder, { slots: 3, device: "webgpu" }),
          await OrtRunner.create(folder, { slots: 3, chunk: 16 }),
        ];
        try {
          // Slots of different lengths: the longest golden prompt's beginnings, decoded together.
          const ids = readGolden(tiny(name)).reduce((a, b) => a.inputIds.length > b.inputIds.length ? a : b)
            .inputIds;
          const lengths = [16, 1, 32].map((n) => Math.min(n, ids.length - 4));
          let same = 0, positions = 0;
          const compare = (found: Float32Array, expected: Float32Array) => {
            const size = cpu.vocabSize, largest = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
            for (let i = 0; i < expected.length; i++) {
              assert.ok(Math.abs(found[i] - expected[i]) <= 1e-4 * largest, `${found[i]} for ${expected[i]}`);
            }
            for (let at = 0; at < expected.length; at += size, positions++) {
              if (argmax(found.subarray(at, at + size)) === argmax(expected.subarray(at, at + size))) same++;
            }
          };
          for (const [slot, length] of lengths.entries()) {
            for (let start = 0; start < length; start += 16) {
              const part = ids.slice(start, Math.min(length, start + 16));
              compare(
                await gpu.prefill(slot, part, start, [0, part.length]),
                await cpu.prefill(slot, part, start, [0, part.length]),
              );
            }
          }
          for (let step = 0; step < 4; step++) {
            const rows = lengths.map((length, slot) => ({
              slot,
              tokenId: ids[length + step],
              position: length + step,
            }));
            compare(await gpu.decode(rows, () => 0), await cpu.decode(rows, () => 0));
          }
          assert.ok(same >= 0.95 * positions, `${same} of ${positions}`);
        } finally {
          gpu.close();
          cpu.close();
        }
      }),
  );
}

for (const name of ["llama", "mistral-window"]) {
  needsTest(
    `webgpu, tiny ${name}: a request depends on its batch only where the runner says so`,
    lacking,
    () =>
      withVariant(tiny(name), "fp32", async (folder) => {
        const runner = await OrtRunner.create(folder, { slots: 3, chunk: 16, device: "webgpu" });
        try {
          const { batchDependence } = runner.manifest;
          // Attention within a window divides its work by the longest row of the batch.
          assert.equal(batchDependence !== undefined, name === "mistral-window");
          if (!batchDependence) await assertBatchInvariant(runner, { longest: 40, outputs: 4 });
        } finally {
          runner.close();
        }
      }),
  );
}

needsTest(
  "webgpu refuses float16 weights in one line where its adapter cannot compute with them",
  lacking,
  () =>
    withVariant(tiny("phi3"), "base", async (folder) => {
      await assert.rejects(
        OrtRunner.create(folder, { slots: 2, device: "webgpu" }),
        (e) => e instanceof BadInput && /must compute with float16/.test(e.message),
      );
    }),
);

needsTest(
  "webgpu, SmolLM2: greedy ids are the CPU's on 95% of the positions of golden answers",
  lacking,
  async () => {
    const golden = await readJsonl<GoldenAnswer>(join(SHARED!, "golden/smollm2.jsonl"));
    // Whole chunks of 16, as every other length is compiled anew.
    const texts = [1, 9].map((i) => [...golden[i].prompt_ids, ...golden[i].greedy_ids])
      .map((ids) => ids.slice(0, ids.length - ids.length % 16));
    await withVariant(await fetchTestModel(SHARED!, "smollm2"), "fp32", async (folder) => {
      const options = { slots: 2, context: 256 };
      const gpu = await OrtRunner.create(folder, { ...options, device: "webgpu" });
      const cpu = await OrtRunner.create(folder, options);
      try {
        const [{ sameTop, positions, meanKl }] = await compareRunners(cpu, [gpu], texts);
        console.log(
          `SmolLM2 on webgpu: ${(100 * sameTop).toFixed(2)}% of ${positions} positions, KL ${meanKl}`,
        );
        assert.ok(sameTop >= 0.95, `${sameTop}`);
        assert.equal(gpu.manifest.batchDependence, undefined);
      } finally {
        gpu.close();
        cpu.close();
      }
    });
  },
);
