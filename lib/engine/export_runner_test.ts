import assert from "node:assert/strict";
import { join } from "node:path";
import { readGolden } from "../checkpoint/testing/golden.ts";
import { ensureVariant } from "../compress/cache.ts";
import { inTemp, sharedTest } from "../std/test_support.ts";
import { HubClient } from "../data/hub.ts";
import { HubServer } from "../data/testing/hub_server.ts";
import { BadInput } from "../std/errors.ts";
import { setQuiet } from "../std/progress.ts";
import { ExportRunner } from "./export_runner.ts";
import { loadEngine } from "./single_variant_server.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { type ExportKind, writeExport } from "./testing/onnx_exports.ts";

setQuiet(true);

const COMMIT = "c".repeat(40);

/** Writes an export and finds it as `--model` does. */
const withExport = (
  shared: string,
  name: string,
  kind: ExportKind,
  use: (found: Awaited<ReturnType<typeof ensureVariant>>, path: string) => Promise<void>,
  model = (folder: string, _path: string) => folder,
) =>
  inTemp(async (temp) => {
    const folder = join(temp, "hub");
    const path = await writeExport(join(shared, "tiny/llama"), folder, name, kind);
    const cacheDir = join(temp, "cache");
    await use(await ensureVariant({ model: model(folder, path), variant: "med", cacheDir }), path);
  });

async function withRunner(dir: string, use: (runner: ExportRunner) => Promise<void>): Promise<void> {
  const runner = await ExportRunner.create(dir, { slots: 16, chunk: 16, threads: 2 });
  try {
    await use(runner);
  } finally {
    runner.close();
  }
}

/** Answers the golden prompts, all at once. */
async function greedyIds(dir: string, golden: ReturnType<typeof readGolden>) {
  const { engine } = await loadEngine(dir, { slots: 4, chunk: 8 });
  await using _ = engine;
  const answers = await Promise.all(
    golden.map((g) => engine.generate({ ids: g.inputIds }, { maxTokens: g.greedyIds.length })),
  );
  return answers.map((a) => a.tokenIds);
}

/** Largest error of the first prompt's logits, over the largest golden one. */
async function logitError(runner: ExportRunner, { inputIds, logits }: ReturnType<typeof readGolden>[number]) {
  const size = runner.vocabSize, start = inputIds.length - 1 - (inputIds.length - 1) % runner.chunk;
  for (let at = 0; at < start; at += runner.chunk) {
    await runner.prefill(0, inputIds.slice(at, at + runner.chunk), at, "none");
  }
  const found = await runner.prefill(0, inputIds.slice(start), start, "last");
  const wanted = logits.subarray((inputIds.length - 1) * size);
  const largest = wanted.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return found.reduce((m, v, i) => Math.max(m, Math.abs(v - wanted[i])), 0) / largest;
}

sharedTest(
  "onnx/model.onnx with GroupQueryAttention batches and answers with the golden greedy ids",
  (shared) =>
    withExport(
      shared,
      "model.onnx",
      { matmul: "float", attention: "gqa" },
      async ({ dir, manifest }, path) => {
        assert.equal(manifest.variant, "export");
        assert.equal(manifest.bitsPerWeight, 32);
        assert.deepEqual(manifest.eosTokenIds, [2]);
        assert.deepEqual(manifest.export, {
          path,
          inputs: ["input_ids", "attention_mask"],
          kvType: "float",
          logitsType: "float",
          inPlace: true,
          leastBatch: 1,
          batchDependence: null,
        });
        const golden = readGolden(join(shared, "tiny/llama"));
        assert.deepEqual(await greedyIds(dir, golden), golden.map((g) => g.greedyIds));
        await withRunner(dir, async (runner) => {
          assert.equal(runner.slots, 16);
          await assertBatchInvariant(runner, { longest: 60, outputs: 12 });
        });
      },
    ),
);

sharedTest(
  "model_q4.onnx with MatMulNBits batches, and no request's logits depend on the others",
  (shared) =>
    withExport(
      shared,
      "model_q4.onnx",
      { matmul: "q4", attention: "gqa" },
      async ({ dir, manifest }) => {
        assert.equal(manifest.export!.batchDependence, null);
        // 4 bits and a float32 scale for each 32 weights; the embedding has 32 bits.
        const embedding = 256 * 64, others = 256 * 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64);
        assert.equal(manifest.parameters, embedding + others);
        assert.equal(manifest.bitsPerWeight, (32 * embedding + 5 * others) / (embedding + others));
        await withRunner(dir, async (runner) => {
          await assertBatchInvariant(runner, { longest: 60, outputs: 12 });
          const [, , golden] = readGolden(join(shared, "tiny/llama"));
          const error = await logitError(runner, golden);
          assert.ok(error < 0.4, `4-bit weights: ${error}`);
        });
      },
      (_, path) => path,
    ),
);

sharedTest(
  "model_quantized.onnx with one activation scale for all rows runs at batch 1 and says why",
  (shared) =>
    withExport(
      shared,
      "model_quantized.onnx",
      { matmul: "dynamic", attention: "gqa" },
      async ({ dir, manifest }) => {
        assert.match(manifest.export!.batchDependence!, /one scale for the whole batch/);
        assert.equal(manifest.export!.inPlace, true);
        await withRunner(dir, async (runner) => {
          assert.equal(runner.slots, 1);
          const error = await logitError(runner, readGolden(join(shared, "tiny/llama"))[2]);
          assert.ok(error < 0.1, `8-bit weights and activations: ${error}`);
        });
      },
    ),
);

sharedTest(
  "an export with plain attention appends to its cache at batch 1 and answers with the golden greedy ids",
  (shared) =>
    withExport(shared, "model.onnx", {
      matmul: "float",
      attention: "plain",
      extraInput: "num_logits_to_keep",
    }, async ({ dir, manifest }) => {
      assert.equal(manifest.export!.batchDependence, "its attention is not GroupQueryAttention");
      assert.equal(manifest.export!.inPlace, false);
      const golden = readGolden(join(shared, "tiny/llama"));
      assert.deepEqual(await greedyIds(dir, golden), golden.map((g) => g.greedyIds));
      await withRunner(dir, async (runner) => {
        assert.equal(runner.slots, 1);
        const ids = Array.from({ length: 12 }, (_, i) => 7 * i);
        await runner.prefill(0, ids, 0, "none");
        const wanted = (await runner.prefill(0, ids.slice(6), 6, [0, 6])).slice();
        await runner.prefill(0, [9, 9, 9], 12, "none");
        assert.deepEqual(
          await runner.prefill(0, ids.slice(6), 6, [0, 6]),
          wanted,
          "positions from 6 on run again",
        );
        await assert.rejects(
          runner.prefill(0, [1, 2], 14, "none"),
          /the cache must hold those before: it has 12/,
        );
      });
    }),
);

sharedTest(
  "an export with float16 KV and logits is near the float32 one",
  (shared) =>
    withExport(
      shared,
      "model_q4f16.onnx",
      { matmul: "float", attention: "gqa", half: true },
      async ({ dir, manifest }) => {
        assert.deepEqual([manifest.export!.kvType, manifest.export!.logitsType], ["float16", "float16"]);
        await withRunner(dir, async (runner) => {
          const error = await logitError(runner, readGolden(join(shared, "tiny/llama"))[2]);
          assert.ok(error < 0.01, `${error}`);
          await assertBatchInvariant(runner, { longest: 60, outputs: 12 });
        });
      },
    ),
);

sharedTest(
  "owner/name/onnx/model_q4.onnx is brought from the hub with its data and run, and then asks no more",
  (shared) =>
    inTemp(async (temp) => {
      const path = await writeExport(join(shared, "tiny/llama"), temp, "model_q4.onnx", {
        matmul: "q4",
        attention: "gqa",
      });
      const files = Object.fromEntries(
        ["config.json", "onnx/model_q4.onnx", "onnx/model_q4.onnx.data", "tokenizer.json"].map((name) => [
          `/o/tiny/resolve/${name === "config.json" ? "main" : COMMIT}/${name}`,
          name === "tokenizer.json" ? new TextEncoder().encode("{}") : Deno.readFileSync(join(temp, name)),
        ]),
      );
      await using server = new HubServer({ files, commit: COMMIT });
      const cacheDir = join(temp, "cache"), hubCache = join(temp, "hub");
      const find = (hub: HubClient) =>
        ensureVariant({ model: "o/tiny/onnx/model_q4.onnx", variant: "med", cacheDir, hub });
      const { dir, manifest } = await find(new HubClient({ endpoint: server.url, cacheDir: hubCache }));
      assert.equal(manifest.source.kind, "hub");
      assert.equal(manifest.source.revision, COMMIT);
      assert.equal(await Deno.readTextFile(join(dir, "tokenizer.json")), "{}");
      const ids = [5, 6, 7, 8];
      const logits = async (dir: string) => {
        const found: Float32Array[] = [];
        await withRunner(dir, async (runner) => {
          found.push((await runner.prefill(0, ids, 0, "last")).slice());
        });
        return found[0];
      };
      const local = await ensureVariant({ model: path, variant: "med", cacheDir });
      assert.deepEqual(await logits(dir), await logits(local.dir));
      const again = await find(new HubClient({ offline: true, cacheDir: hubCache }));
      assert.deepEqual(again.manifest.source, { ...manifest.source, kind: "cache" });
    }),
);

sharedTest("an export that cannot be run is refused in one line", (shared) =>
  inTemp(async (temp) => {
    const checkpoint = join(shared, "tiny/llama");
    const kind: ExportKind = { matmul: "q4", attention: "gqa" };
    const cacheDir = join(temp, "cache");
    const refused = (model: string, message: RegExp) =>
      assert.rejects(
        ensureVariant({ model, variant: "med", cacheDir }),
        (e) => e instanceof BadInput && !e.message.includes("\n") && message.test(e.message),
      );
    await writeExport(checkpoint, join(temp, "a"), "model.onnx", { ...kind, extraInput: "use_cache_branch" });
    await refused(join(temp, "a"), /its inputs must be input_ids, .* it has use_cache_branch too/);
    const path = await writeExport(checkpoint, join(temp, "b"), "model_q4.onnx", kind);
    await writeExport(checkpoint, join(temp, "b"), "model_q8.onnx", kind);
    await refused(join(temp, "b"), /--model must name one: it has model_q4.onnx, model_q8.onnx/);
    await Deno.truncate(path, 1000);
    await refused(path, /model_q4.onnx as it must/);
    await Deno.remove(join(temp, "b/onnx/model_q8.onnx.data"));
    await refused(join(temp, "b/onnx/model_q8.onnx"), /model_q8.onnx.data must lie beside it/);
  }));
