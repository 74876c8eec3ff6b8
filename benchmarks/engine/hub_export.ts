/**
 * An ONNX export for transformers.js in the hub's layout, `onnx/model_quantized.onnx`, from the same checkpoint as
 * the variants: matrices as Optimum's dynamic quantisation has them (DynamicQuantizeLinear, MatMulInteger; what
 * `dtype: "q8"` loads), attention as newer exports have it (GroupQueryAttention, with a bias that hides the padding
 * of a batch), logits of the last position alone. The scales are finer than Optimum's, one a column, and the codes
 * have 7 bits (its `reduce_range`), since x86 without VNNI adds pairs of products in 16 bits.
 *
 * Llama's layer only.
 * @see https://github.com/huggingface/transformers.js/blob/4.3.1/packages/transformers/scripts/quantize.py
 */
import { dirname, join } from "node:path";
import { describeModel } from "slolab/checkpoint/architectures/mod.ts";
import type { LayerSpec, MatrixSpec, NormSpec } from "slolab/checkpoint/model_spec.ts";
import { openCheckpoint } from "slolab/checkpoint/open.ts";
import { matrixOf, normWeight } from "slolab/compress/matrix_source.ts";
import { DataType, OnnxFile } from "slolab/compress/onnx_file.ts";
import { ropeTables } from "slolab/compress/rope.ts";
import { exists, writeJson } from "slolab/std/files.ts";

const MS = { domain: "com.microsoft" };
/** Positions that the export has tables for. */
const POSITIONS = 2048;

/** Writes the export of a checkpoint into a folder, unless it is there. */
export async function writeHubExport(checkpointPath: string, folder: string): Promise<void> {
  if (await exists(join(folder, "config.json"))) return;
  const checkpoint = await openCheckpoint(checkpointPath);
  const spec = describeModel(checkpoint.config);
  const path = join(folder, "onnx", "model_quantized.onnx");
  await Deno.mkdir(dirname(path), { recursive: true });
  const file = await OnnxFile.create(path);

  const ints = (name: string, ...values: number[]) =>
    file.constant(name, "int64", [values.length], BigInt64Array.from(values, BigInt));
  const toInt32 = (x: string) => file.node("Cast", [x], { to: DataType.int32 });
  const toFloat = (x: string) => file.node("Cast", [x], { to: DataType.float });
  const normalise = async (x: string, norm: NormSpec) => {
    const weight = await normWeight(checkpoint, norm, spec.hiddenSize);
    return file.node("SimplifiedLayerNormalization", [
      x,
      await file.weight(norm.tensor, "float", [spec.hiddenSize], weight),
    ], { axis: -1, epsilon: { float: norm.eps } });
  };
  const quantise = (x: string) => {
    const outputs = ["codes", "scale", "zero"].map((part) => `${x}.${part}`);
    file.node("DynamicQuantizeLinear", [x], {}, { outputs });
    return outputs;
  };
  /** y = x W^T of quantised x. */
  const linear = async ([codes, scale, zero]: string[], matrix: MatrixSpec) => {
    const { rows, cols, read } = matrixOf(checkpoint, matrix);
    const { transposed, scales } = quantiseColumns(await read(0, rows), rows, cols);
    const name = `${matrix.tensor}.matmul`;
    const product = file.node("MatMulInteger", [
      codes,
      await file.weight(`${name}_quantized`, "int8", [cols, rows], transposed),
      zero,
    ]);
    const scaled = file.node("Mul", [scale, await file.weight(`${name}_scale`, "float", [rows], scales)]);
    return file.node("Mul", [toFloat(product), scaled]);
  };

  file.input("input_ids", "int64", ["batch_size", "sequence_length"]);
  file.input("attention_mask", "int64", ["batch_size", "total_sequence_length"]);
  file.input("position_ids", "int64", ["batch_size", "sequence_length"]);
  file.input("num_logits_to_keep", "int64", []);
  const sizeOf = (tensor: string, axis: number) =>
    file.node("Slice", [
      file.node("Shape", [tensor]),
      ints(`axis.${axis}`, axis),
      ints(`axis.${axis + 1}`, axis + 1),
    ]);
  const [batch, sequence, total] = [
    sizeOf("input_ids", 0),
    sizeOf("input_ids", 1),
    sizeOf("attention_mask", 1),
  ];
  const total32 = toInt32(file.node("Squeeze", [total]));
  const seqlens = file.node("Expand", [toInt32(file.node("Sub", [total, ints("one", 1)])), batch]);
  const hidden = file.node("Sub", ["attention_mask", ints("one", 1)]); // -1 where there is padding
  const bias = file.node("Mul", [
    toFloat(file.node("Unsqueeze", [hidden, ints("middle_axes", 1, 2)])),
    file.constant("far", "float", [], new Float32Array([1e9])),
  ]); // [batch, 1, 1, total]
  const square = file.node("Concat", [ints("one", 1), ints("one", 1), sequence, ints("one", 1)], { axis: 0 });
  const attentionBias = file.node("Expand", [bias, square]);

  const { cos, sin } = ropeTables(spec.layers[0].rope!, POSITIONS);
  const half = [POSITIONS, spec.layers[0].headDim / 2];
  const tables = [
    await file.weight("cos_cache", "float", half, cos),
    await file.weight("sin_cache", "float", half, sin),
  ];
  const attention = async (l: number, layer: LayerSpec, x: string) => {
    const codes = quantise(x);
    const attended = file.node("GroupQueryAttention", [
      await linear(codes, layer.query),
      await linear(codes, layer.key),
      await linear(codes, layer.value),
      `past_key_values.${l}.key`,
      `past_key_values.${l}.value`,
      seqlens,
      total32,
      ...tables,
      "position_ids",
      attentionBias,
    ], {
      num_heads: layer.heads,
      kv_num_heads: layer.kvHeads,
      scale: { float: layer.attentionScale },
      do_rotary: 1,
    }, { ...MS, outputs: [`attended.${l}`, `present.${l}.key`, `present.${l}.value`] });
    for (const part of ["key", "value"]) {
      const [past, present] = ["past_sequence_length", "total_sequence_length"].map((
        n,
      ) => ["batch_size", layer.kvHeads, n, layer.headDim]);
      file.input(`past_key_values.${l}.${part}`, "float", past);
      file.output(`present.${l}.${part}`, "float", present);
    }
    return await linear(quantise(attended), layer.output);
  };
  const feedForward = async (layer: LayerSpec, x: string) => {
    const codes = quantise(x);
    const gate = await linear(codes, layer.gate!);
    const active = file.node("Mul", [gate, file.node("Sigmoid", [gate])]);
    return await linear(quantise(file.node("Mul", [active, await linear(codes, layer.up)])), layer.down);
  };

  const table = matrixOf(checkpoint, { ...spec.embedding, rows: spec.vocabSize, cols: spec.hiddenSize });
  const embedding = await file.weight(
    "embedding",
    "float",
    [table.rows, table.cols],
    await table.read(0, table.rows),
  );
  let x = file.node("Gather", [embedding, "input_ids"]);
  for (const [l, layer] of spec.layers.entries()) {
    x = file.node("Add", [x, await attention(l, layer, await normalise(x, layer.inputNorm))]);
    x = file.node("Add", [x, await feedForward(layer, await normalise(x, layer.mlpNorm))]);
  }
  const kept = file.node("Neg", [file.node("Unsqueeze", ["num_logits_to_keep", ints("axis.0", 0)])]);
  const last = file.node("Slice", [x, kept, ints("end", 2 ** 31 - 1), ints("axis.1", 1)]);
  const logits = await linear(quantise(await normalise(last, spec.finalNorm)), spec.head);
  file.node("Identity", [logits], {}, { outputs: ["logits"] });
  file.output("logits", "float", ["batch_size", "kept", spec.vocabSize]);
  await file.finish();
  checkpoint.close();
  await writeJson(join(folder, "config.json"), checkpoint.config); // last: it says that the rest is there
}

/** Largest code. */
const TOP = 63;

/** W float32 [rows, cols] to W^T int8 [cols, rows] with one scale a row of W. */
export function quantiseColumns(
  w: Float32Array,
  rows: number,
  cols: number,
): { transposed: Int8Array<ArrayBuffer>; scales: Float32Array<ArrayBuffer> } {
  const transposed = new Int8Array(rows * cols), scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = w.subarray(r * cols, (r + 1) * cols);
    scales[r] = row.reduce((largest, v) => Math.max(largest, Math.abs(v)), 1e-30) / TOP;
    for (let c = 0; c < cols; c++) transposed[c * rows + r] = Math.round(row[c] / scales[r]);
  }
  return { transposed, scales };
}
