/** Exports in the hub's layouts for tests, written from a llama checkpoint of `../shared/tiny`. */
import { dirname, join } from "node:path";
import { describeModel } from "../../checkpoint/architectures/mod.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import { matrixOf } from "../../compress/matrix_source.ts";
import { DataType, OnnxFile } from "../../compress/onnx_file.ts";
import { quantiseRows } from "../../compress/quantise.ts";
import { ropeTables } from "../../compress/rope.ts";
import { writeJson } from "../../std/files.ts";

export interface ExportKind {
  /** MatMul, MatMulNBits, or DynamicQuantizeLinear and MatMulInteger. */
  matmul: "float" | "q4" | "dynamic";
  /** GroupQueryAttention with lengths from the mask, or Concat, MatMul and Softmax. */
  attention: "gqa" | "plain";
  /** KV and logits are float16. */
  half?: boolean;
  /** A scalar input that the graph does not use. */
  extraInput?: string;
}

const MS = { domain: "com.microsoft" };

/** Writes `config.json` and `onnx/<name>` with its data file into a folder; gives the path of the graph. */
export async function writeExport(
  checkpointPath: string,
  folder: string,
  name: string,
  kind: ExportKind,
): Promise<string> {
  const checkpoint = await openCheckpoint(checkpointPath);
  const path = join(folder, "onnx", name);
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeJson(join(folder, "config.json"), checkpoint.config);
  const file = await OnnxFile.create(path);
  const spec = describeModel(checkpoint.config);
  const float = kind.half ? "float16" : "float";
  const ints = (name: string, ...values: number[]) =>
    file.weight(name, "int64", [values.length], BigInt64Array.from(values, BigInt));
  const vector = async (tensor: string) =>
    await file.weight(
      tensor,
      "float",
      [spec.hiddenSize],
      await checkpoint.readRows(tensor, 0, spec.hiddenSize),
    );
  const cast = (x: string, to: keyof typeof DataType) => file.node("Cast", [x], { to: DataType[to] });
  const toKv = (x: string) => kind.half ? cast(x, "float16") : x;

  /** y = x W^T */
  const linear = async (x: string, matrix: Parameters<typeof matrixOf>[1]) => {
    const { rows, cols, read } = matrixOf(checkpoint, matrix);
    const w = await read(0, rows), id = `${matrix.tensor}.matmul`;
    if (kind.matmul === "q4") {
      const block = 32, blocks = cols / block;
      const { data, scales } = quantiseRows(w, cols, { bits: 4, block, rounding: "nearest" });
      return file.node(
        "MatMulNBits",
        [
          x,
          await file.weight(`${id}_Q4`, "uint8", [rows, blocks, block / 2], data),
          await file.weight(`${id}_scales`, "float", [rows * blocks], scales),
        ],
        { K: cols, N: rows, bits: 4, block_size: block, accuracy_level: 4 },
        MS,
      );
    }
    const transposed = Float32Array.from(w, (_, i) => w[i % rows * cols + Math.floor(i / rows)]); // [in, out]
    if (kind.matmul === "float") {
      return file.node("MatMul", [x, await file.weight(id, "float", [cols, rows], transposed)]);
    }
    const scale = transposed.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0) / 127;
    const quantised = Int8Array.from(transposed, (v) => Math.round(v / scale));
    const outputs = ["x", "scale", "zero"].map((part) => `${id}.${part}`);
    file.node("DynamicQuantizeLinear", [x], {}, { outputs });
    const product = file.node("MatMulInteger", [
      outputs[0],
      await file.weight(`${id}_quantized`, "int8", [cols, rows], quantised),
      outputs[2],
    ]);
    const weightScale = await file.weight(`${id}_scale`, "float", [1], new Float32Array([scale]));
    return file.node("Mul", [cast(product, "float"), file.node("Mul", [outputs[1], weightScale])]);
  };

  file.input("input_ids", "int64", ["batch", "sequence"]);
  file.input("attention_mask", "int64", ["batch", "total"]);
  if (kind.attention === "plain") file.input("position_ids", "int64", ["batch", "sequence"]);
  if (kind.extraInput) file.input(kind.extraInput, "int64", []);
  const total = file.node("Gather", [file.node("Shape", ["attention_mask"]), await ints("one", 1)]);
  const totalScalar = file.node("Squeeze", [total, await ints("first_axis", 0)]);
  const total32 = cast(totalScalar, "int32");
  const lengths = file.node("ReduceSum", ["attention_mask", "one"], { keepdims: 0 });
  const seqlens = cast(file.node("Sub", [lengths, "one"]), "int32");

  const { rope, headDim, heads, kvHeads, attentionScale } = spec.layers[0];
  const { cos, sin } = ropeTables(rope!, spec.contextLength);
  const tables = [
    await file.weight("cos_cache", "float", [spec.contextLength, headDim / 2], cos),
    await file.weight("sin_cache", "float", [spec.contextLength, headDim / 2], sin),
  ];
  const splitHeads = async (x: string, count: number) =>
    file.node("Transpose", [
      file.node("Reshape", [x, await ints(`${x}.heads`, 0, 0, count, headDim)]),
    ], { perm: [0, 2, 1, 3] });
  const rotate = (x: string, count: number) =>
    file.node("RotaryEmbedding", [x, "position_ids", ...tables], { num_heads: count }, MS);

  const groupQueryAttention = (l: number, [query, key, value]: string[]) => {
    const attended = file.node(
      "GroupQueryAttention",
      [
        ...[query, key, value].map(toKv),
        `past_key_values.${l}.key`,
        `past_key_values.${l}.value`,
        seqlens,
        total32,
        ...tables.map(toKv),
      ],
      { num_heads: heads, kv_num_heads: kvHeads, scale: { float: attentionScale }, do_rotary: 1 },
      {
        ...MS,
        outputs: [`attended.${l}`, `present.${l}.key`, `present.${l}.value`],
      },
    );
    return kind.half ? cast(attended, "float") : attended;
  };
  const plainAttention = async (l: number, [query, key, value]: string[]) => {
    const q = await splitHeads(rotate(query, heads), heads);
    const appended = async (x: string, kind: string) =>
      file.node("Concat", [`past_key_values.${l}.${kind}`, await splitHeads(x, kvHeads)], { axis: 2 }, {
        outputs: [`present.${l}.${kind}`],
      });
    const group = await ints(
      `group.${l}`,
      ...Array.from({ length: heads }, (_, h) => Math.floor(h * kvHeads / heads)),
    );
    const k = file.node("Gather", [await appended(rotate(key, kvHeads), "key"), group], { axis: 1 });
    const v = file.node("Gather", [await appended(value, "value"), group], { axis: 1 });
    const scale = await file.weight(`scale.${l}`, "float", [1], new Float32Array([attentionScale]));
    const scores = file.node("Mul", [
      file.node("MatMul", [q, file.node("Transpose", [k], { perm: [0, 1, 3, 2] })]),
      scale,
    ]);
    const scalar = async (n: number) =>
      await file.weight(`${l}.${n}`, "int64", [], BigInt64Array.of(BigInt(n)));
    const later = file.node("Less", [
      file.node("Unsqueeze", ["position_ids", await ints(`axes.${l}`, 1, 3)]),
      file.node("Range", [await scalar(0), totalScalar, await scalar(1)]),
    ]);
    const masked = file.node("Where", [
      later,
      await file.weight(`hidden.${l}`, "float", [1], new Float32Array([-1e9])),
      scores,
    ]);
    const mixed = file.node("MatMul", [file.node("Softmax", [masked], { axis: -1 }), v]);
    const joined = file.node("Transpose", [mixed], { perm: [0, 2, 1, 3] });
    return file.node("Reshape", [joined, await ints(`join.${l}`, 0, 0, heads * headDim)]);
  };

  const normalise = async (x: string, tensor: string, eps: number) =>
    file.node("SimplifiedLayerNormalization", [x, await vector(tensor)], {
      axis: -1,
      epsilon: { float: eps },
    });
  const embedding = matrixOf(checkpoint, {
    tensor: spec.embedding.tensor,
    rows: spec.vocabSize,
    cols: spec.hiddenSize,
  });
  let x = file.node("Gather", [
    await file.weight(
      "embedding",
      "float",
      [spec.vocabSize, spec.hiddenSize],
      await embedding.read(0, spec.vocabSize),
    ),
    "input_ids",
  ]);
  for (const [l, layer] of spec.layers.entries()) {
    const normed = await normalise(x, layer.inputNorm.tensor, layer.inputNorm.eps);
    const qkv: string[] = [];
    for (const matrix of [layer.query, layer.key, layer.value]) qkv.push(await linear(normed, matrix));
    const attended = kind.attention === "gqa" ? groupQueryAttention(l, qkv) : await plainAttention(l, qkv);
    x = file.node("Add", [x, await linear(attended, layer.output)]);
    const inner = await normalise(x, layer.mlpNorm.tensor, layer.mlpNorm.eps);
    const gate = await linear(inner, layer.gate!);
    const active = file.node("Mul", [gate, file.node("Sigmoid", [gate])]);
    const up = file.node("Mul", [active, await linear(inner, layer.up)]);
    x = file.node("Add", [x, await linear(up, layer.down)]);
    for (const part of ["key", "value"]) {
      file.input(`past_key_values.${l}.${part}`, float, ["batch", kvHeads, "past", headDim]);
      file.output(`present.${l}.${part}`, float, ["batch", kvHeads, "total", headDim]);
    }
  }
  const logits = await linear(await normalise(x, spec.finalNorm.tensor, spec.finalNorm.eps), spec.head);
  file.node("Cast", [logits], { to: DataType[float] }, { outputs: ["logits"] });
  file.output("logits", float, ["batch", "sequence", spec.vocabSize]);
  await file.finish();
  checkpoint.close();
  return path;
}
