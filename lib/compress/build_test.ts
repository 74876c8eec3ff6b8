import assert from "node:assert/strict";
import { join } from "node:path";
import { bitsPerWeight } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import {
  ggufBytes,
  safetensorsBytes,
  SMALL_LLAMA,
  smallLlamaTensors,
  type Tensors,
  writeFolder,
} from "../checkpoint/testing/write_checkpoint.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { buildVariant, type VariantReport } from "./build.ts";
import { ensureVariant } from "./cache.ts";
import { inTemp } from "../std/test_support.ts";
import { listDir } from "./testing/list_dir.ts";
import type { VariantName } from "./variant.ts";

const TENSORS = smallLlamaTensors();
const QUERY = "model.layers.1.self_attn.q_proj.weight";
const SOURCE = { kind: "path", location: "here", revision: null, sha256: "ab" } as const;

Deno.test("buildVariant() writes the graph, its weights, what it is and what it cost", () =>
  inTemp(async (dir) => {
    await writeFolder(join(dir, "m"), SMALL_LLAMA, TENSORS);
    const checkpoint = await openCheckpoint(join(dir, "m"));
    const errors: Partial<Record<VariantName, number>> = {};
    try {
      for (const [variant, bits] of [["fp32", 32], ["base", 16], ["med", 10], ["cheap", 6.4]] as const) {
        const outDir = join(dir, variant);
        const progress: [number, number][] = [];
        const manifest = await buildVariant(checkpoint, {
          model: "small",
          variant,
          outDir,
          source: SOURCE,
          onProgress: (...p) => progress.push(p),
        });
        const files = [
          "model.onnx",
          "model.onnx.data",
          "model.onnx.weights.json",
          "report.json",
          "variant.json",
        ];
        assert.deepEqual(await listDir(outDir), files);
        assert.deepEqual(await readJson(join(outDir, "variant.json")), manifest);
        const stats = await Promise.all(files.slice(0, 2).map((f) => Deno.stat(join(outDir, f))));
        assert.equal(manifest.bytes, stats.reduce((sum, s) => sum + s.size, 0));
        assert.equal(manifest.source.bitsPerWeight, bitsPerWeight(checkpoint));
        const parameters = Object.values(TENSORS).reduce((sum, t) => sum + t.data.length, 0);
        assert.equal(manifest.parameters, parameters);
        assert.ok(
          Math.abs(manifest.bitsPerWeight - bits) < 0.5,
          `${variant}: ${manifest.bitsPerWeight} bits`,
        );
        const [done, total] = progress.at(-1)!;
        assert.equal(done, total);
        const report = await readJson<VariantReport>(join(outDir, "report.json"));
        const weights = report.matrices.reduce((sum, m) => sum + m.weights, 0);
        assert.equal(weights, total);
        errors[variant] = Math.max(...report.matrices.map((m) => m.relative_error));
      }
    } finally {
      checkpoint.close();
    }
    assert.deepEqual([errors.fp32, errors.base], [0, 0]);
    assert.ok(errors.med! > 0 && errors.med! < 0.01 && errors.cheap! > errors.med! && errors.cheap! < 0.15);
  }));

Deno.test("buildVariant() replaces a variant that is there", () =>
  inTemp(async (dir) => {
    await writeFolder(join(dir, "m"), SMALL_LLAMA, TENSORS);
    const checkpoint = await openCheckpoint(join(dir, "m"));
    try {
      const outDir = join(dir, "out");
      for (const variant of ["med", "base"] as const) {
        await buildVariant(checkpoint, { model: "small", variant, outDir, source: SOURCE });
        await Deno.writeTextFile(join(outDir, "old"), "");
      }
      assert.deepEqual(await listDir(dir), ["m", "out"]);
      await buildVariant(checkpoint, { model: "small", variant: "med", outDir, source: SOURCE });
      assert.ok(!(await listDir(outDir)).includes("old"));
    } finally {
      checkpoint.close();
    }
  }));

function spoilt(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at < 0 ? bytes.length + at : at);
  return copy;
}

function replaced(name: string, tensor?: Tensors[string]): Tensors {
  const { [name]: _, ...rest } = TENSORS;
  return tensor ? { ...rest, [name]: tensor } : rest;
}

const GOOD = safetensorsBytes(TENSORS);
const NAN = [0, 0, 0xc0, 0x7f];
const HUGE = structuredClone(TENSORS);
HUGE["lm_head.weight"].data[5] = 7e4;

/** Checkpoints that are found and opened, or not, and can't be built; `weights` replaces the file. */
const DAMAGED: [string, { weights?: Uint8Array; config?: object; variant?: VariantName }, RegExp][] = [
  ["a truncated file", { weights: GOOD.slice(0, -100) }, /it is cut off at \d+/],
  [
    "a wrong header length",
    { weights: spoilt(GOOD, 0, 255, 255, 255, 255) },
    /header's length is 4294967295/,
  ],
  ["a weight that is NaN", { weights: spoilt(GOOD, -4, ...NAN) }, /row 23 of lm_head.weight has NaN/],
  ["a missing tensor", { weights: safetensorsBytes(replaced(QUERY)) }, /q_proj.weight, which is missing/],
  [
    "a tensor of another shape",
    { weights: safetensorsBytes(replaced(QUERY, TENSORS["model.layers.1.self_attn.k_proj.weight"])) },
    /q_proj.weight \[16, 16\], which is \[8, 16\]/,
  ],
  ["a config that disagrees", { config: { num_hidden_layers: 1 } }, /1 layers without model.layers.1/],
  [
    "a weight that float16 can't hold",
    { weights: safetensorsBytes(HUGE), variant: "base" },
    /lm_head.weight.* below 65,520: one is not/,
  ],
];
for (const [what, { weights, config, variant = "cheap" }, pattern] of DAMAGED) {
  Deno.test(`ensureVariant() of ${what} gives one line and leaves nothing`, () =>
    inTemp(async (dir) => {
      const folder = join(dir, "m"), cacheDir = join(dir, "cache");
      await writeFolder(folder, { ...SMALL_LLAMA, ...config }, TENSORS);
      if (weights) await Deno.writeFile(join(folder, "model.safetensors"), weights);
      await assertOneLine(folder, variant, cacheDir, pattern);
    }));
}

/** A llama of one layer whose last matrix is Q8_0, with scales of NaN. */
function ggufWithNanScales(): Uint8Array {
  const shapes = {
    "token_embd.weight": [24, 32],
    "output_norm.weight": [32],
    "blk.0.attn_norm.weight": [32],
    "blk.0.attn_q.weight": [32, 32],
    "blk.0.attn_k.weight": [16, 32],
    "blk.0.attn_v.weight": [16, 32],
    "blk.0.attn_output.weight": [32, 32],
    "blk.0.ffn_norm.weight": [32],
    "blk.0.ffn_gate.weight": [64, 32],
    "blk.0.ffn_up.weight": [64, 32],
    "blk.0.ffn_down.weight": [32, 64],
  };
  const tensors = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5);
      return [name, { shape, data }];
    }),
  );
  const last = "blk.0.ffn_down.weight";
  new Uint8Array(tensors[last].data.buffer).fill(0x7e); // 0x7e7e is a float16 NaN
  const bytes = ggufBytes({
    "general.architecture": "llama",
    "llama.block_count": 1,
    "llama.context_length": 64,
    "llama.embedding_length": 32,
    "llama.feed_forward_length": 64,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": 16,
  }, tensors);
  const nameAt = new TextDecoder("latin1").decode(bytes).indexOf(last);
  return spoilt(bytes, nameAt + last.length + 4 + 2 * 8, 8); // behind two dimensions: the type, 8 is Q8_0
}

Deno.test("ensureVariant() of NaN scales in a GGUF file gives one line and leaves nothing", () =>
  inTemp(async (dir) => {
    const path = join(dir, "m.gguf");
    await Deno.writeFile(path, ggufWithNanScales());
    await assertOneLine(path, "med", join(dir, "cache"), /row 0 of .*down_proj.weight has NaN/);
  }));

async function assertOneLine(
  model: string,
  variant: VariantName,
  cacheDir: string,
  pattern: RegExp,
): Promise<void> {
  await assert.rejects(ensureVariant({ model, variant, cacheDir, onProgress: () => {} }), (thrown) => {
    assert.ok(thrown instanceof BadInput, String(thrown));
    assert.match(thrown.message, /^Cannot [^\n]*$/);
    assert.match(thrown.message, pattern);
    return true;
  });
  assert.deepEqual(await listDir(join(cacheDir, "variants")), []);
}
