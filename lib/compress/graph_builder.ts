/**
 * From the table of a model (`ModelSpec`) to its ONNX graph; `variant.ts` states inputs and outputs.
 *
 * A layer: norm -> query, key, value -> GroupQueryAttention (rotates, updates the KV cache in place) -> output
 * -> residual sum and norm -> gate, up -> activation -> down. The residual sum and the norm after it are one
 * node where the runtime has one. Where a form multiplies in float16, so do attention and the activation; the
 * residual stream and the norms stay float32, as large models go beyond float16 there.
 * @see https://github.com/microsoft/onnxruntime-genai/blob/main/src/python/py/models/builder.py for the layout
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { LayerSpec, MatrixSpec, ModelSpec, NormSpec, RopeSpec } from "../checkpoint/model_spec.ts";
import type { MatrixForm, StoredMatrix } from "./forms/form.ts";
import { biasOf, matrixOf, type MatrixSource, normWeight, stack } from "./matrix_source.ts";
import { DataType, type OnnxFile } from "./onnx_file.ts";
import { ropeTables } from "./rope.ts";
import type { KvScales } from "./variant.ts";

const MS = { domain: "com.microsoft" };

/** Rotary and learned positions are written for at most so many: 32,768 are 16 MB at a head size of 128. */
export const MAX_POSITIONS = 32_768;

export interface BuiltGraph {
  matrices: StoredMatrix[];
  parameters: number;
  usesPositionIds: boolean;
  /** Positions that the graph has tables for. */
  contextLength: number;
}

/** Attention itself rotates whole heads only, of multiples of 16. */
function rotatesInAttention({ rope, headDim }: LayerSpec): boolean {
  return rope !== null && rope.dims === headDim && headDim % 16 === 0;
}

/** Query, key and value are one matrix where nothing comes between them and attention. */
export function packsQuery(layer: LayerSpec): boolean {
  return !layer.queryNorm && !layer.keyNorm && (layer.rope === null || rotatesInAttention(layer));
}

/** The matrices of the layers, one after another, as the graph multiplies them. */
export function* bodyMatrices(checkpoint: Checkpoint, spec: ModelSpec): Generator<MatrixSource> {
  for (const [l, layer] of spec.layers.entries()) {
    const { query, key, value, output, up, gate, down } = layer;
    const groups = packsQuery(layer) ? [[query, key, value]] : [[query], [key], [value]];
    for (const matrix of [output, up, gate, down]) if (matrix) groups.push([matrix]);
    for (const specs of groups) yield stack(`layers.${l}.qkv`, specs.map((s) => matrixOf(checkpoint, s)));
  }
}

export interface GraphOptions {
  /** Called for each block of rows that is read, with its weights. */
  onRead?(weights: number): void;
  /** Keeps keys and values as int8 codes, in these steps. */
  kvScales?: KvScales;
}

/**
 * Writes the nodes and weights of a model.
 */
export async function buildGraph(
  file: OnnxFile,
  checkpoint: Checkpoint,
  spec: ModelSpec,
  form: MatrixForm,
  { onRead = () => {}, kvScales }: GraphOptions = {},
): Promise<BuiltGraph> {
  const contextLength = Math.min(spec.contextLength, MAX_POSITIONS);
  const matrices: StoredMatrix[] = [];
  let parameters = 0;

  const store = async (source: MatrixSource, role: "body" | "embedding" | "head" = "body") => {
    const read: MatrixSource["read"] = async (row, count) => {
      const rows = await source.read(row, count);
      onRead(rows.length);
      return rows;
    };
    const stored = await form.store(file, { ...source, read }, role);
    matrices.push(stored);
    parameters += stored.weights;
    return source;
  };
  const casts = new Map<string, string>();
  const cast = (x: string, to: "float" | "float16") => {
    const key = `${to} ${x}`;
    if (!casts.has(key)) casts.set(key, file.node("Cast", [x], { to: DataType[to] }));
    return casts.get(key)!;
  };
  /** From float32 to the type that matrices are multiplied in, and back. */
  const narrow = (x: string) => form.half ? cast(x, "float16") : x;
  const widen = (x: string) => form.half ? cast(x, "float") : x;
  const vector = async (name: string, data: Float32Array) => {
    parameters += data.length;
    return await file.weight(name, "float", [data.length], data);
  };
  /** y = x W^T + b for one matrix or several stacked ones; x and y are narrow. */
  const linear = async (x: string, name: string, ...specs: MatrixSpec[]) => {
    const source = await store(stack(name, specs.map((s) => matrixOf(checkpoint, s))));
    const y = await form.multiply(file, x, source);
    const biases = await Promise.all(
      specs.map(async (s) => await biasOf(checkpoint, s) ?? new Float32Array(s.rows)),
    );
    if (specs.every((s) => !s.bias)) return y;
    const bias = new Float32Array(source.rows);
    let at = 0;
    for (const b of biases) {
      bias.set(b, at);
      at += b.length;
    }
    form.turnedBias?.(source.name, bias);
    return file.node("Add", [
      y,
      narrow(await vector(`${name}.${form.turnedBias ? "turned_" : ""}bias`, bias)),
    ]);
  };
  const normWeights = async (norm: NormSpec, size: number) => {
    if (form.turnedBias && size === spec.hiddenSize) {
      return [await file.weight("turned.norm", "float", [size], new Float32Array(size).fill(1))];
    }
    const names = [await vector(norm.tensor, await normWeight(checkpoint, norm, size))];
    if (norm.bias) names.push(await vector(norm.bias, await checkpoint.readRows(norm.bias, 0, size)));
    return names;
  };
  const normalise = async (x: string, norm: NormSpec, size: number) => {
    const type = norm.kind === "rms" ? "RMSNormalization" : "LayerNormalization";
    const normed = file.node(type, [x, ...await normWeights(norm, size)], {
      axis: -1,
      epsilon: { float: norm.eps },
    });
    if (size === spec.hiddenSize) form.normalised?.(normed);
    return normed;
  };
  /** Residual sum and the norm over it. */
  const sumAndNormalise = async (residual: string, x: string, norm: NormSpec) => {
    const type = norm.kind === "rms" ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization";
    const name = norm.tensor;
    const normed = file.node(
      type,
      [residual, x, ...await normWeights(norm, spec.hiddenSize)],
      { epsilon: { float: norm.eps } },
      { ...MS, outputs: [`${name}.normed`, "", "", `${name}.sum`] },
    );
    form.normalised?.(normed);
    return { normed, sum: `${name}.sum` };
  };
  const tables = new Map<string, Promise<[string, string]>>();
  const ropeOf = (rope: RopeSpec) => {
    const key = JSON.stringify(rope);
    let names = tables.get(key);
    if (!names) {
      const n = tables.size;
      names = (async (): Promise<[string, string]> => {
        const { cos, sin } = ropeTables(rope, contextLength);
        const shape = [contextLength, rope.dims / 2];
        return [
          await file.weight(`rope.${n}.cos`, "float", shape, cos),
          await file.weight(`rope.${n}.sin`, "float", shape, sin),
        ];
      })();
      tables.set(key, names);
    }
    return names;
  };
  const constant = (name: string, values: number[]) =>
    file.weight(name, "int64", [values.length], BigInt64Array.from(values, BigInt));

  const rotatesBefore = spec.layers.some((layer) => layer.rope !== null && !rotatesInAttention(layer));
  const usesPositionIds = rotatesBefore || spec.positionEmbedding !== undefined;
  file.input("input_ids", "int64", ["batch", "sequence"]);
  if (usesPositionIds) file.input("position_ids", "int64", ["batch", "sequence"]);
  file.input("seqlens_k", "int32", ["batch"]);
  file.input("total_sequence_length", "int32", []);
  file.input("logit_rows", "int64", ["rows"]);

  const embeddingSource = await store(
    matrixOf(checkpoint, { tensor: spec.embedding.tensor, rows: spec.vocabSize, cols: spec.hiddenSize }),
    "embedding",
  );
  let residual = await form.gather(file, "input_ids", embeddingSource);
  if (spec.embedding.scale !== 1) {
    residual = file.node("Mul", [
      residual,
      await file.weight("embedding.scale", "float", [1], new Float32Array([spec.embedding.scale])),
    ]);
  }
  if (spec.positionEmbedding) {
    const name = spec.positionEmbedding.tensor;
    const table = await checkpoint.readRows(name, 0, contextLength);
    parameters += table.length;
    await file.weight(name, "float", [contextLength, spec.hiddenSize], table);
    residual = file.node("Add", [residual, file.node("Gather", [name, "position_ids"])]);
  }

  /** What the last block gave, not yet added to the residual. */
  let pending: string | null = null;
  for (const [l, layer] of spec.layers.entries()) {
    let normed: string;
    if (pending === null) normed = await normalise(residual, layer.inputNorm, spec.hiddenSize);
    else ({ normed, sum: residual } = await sumAndNormalise(residual, pending, layer.inputNorm));

    let attended = widen(await attention(l, layer, narrow(normed)));
    if (layer.postAttentionNorm) {
      attended = await normalise(attended, layer.postAttentionNorm, spec.hiddenSize);
    }
    ({ normed, sum: residual } = await sumAndNormalise(residual, attended, layer.mlpNorm));

    const x = narrow(normed), up = await linear(x, `layers.${l}.up`, layer.up);
    let inner: string;
    if (layer.gate) {
      inner = file.node("Mul", [activate(await linear(x, `layers.${l}.gate`, layer.gate), layer), up]);
    } else inner = activate(up, layer);
    pending = widen(await linear(inner, `layers.${l}.down`, layer.down));
    if (layer.postMlpNorm) pending = await normalise(pending, layer.postMlpNorm, spec.hiddenSize);
  }

  // Only the asked positions go through the last norm and the head.
  const flat = await constant("flat_shape", [-1, spec.hiddenSize]);
  const rows = (x: string) =>
    file.node("Gather", [file.node("Reshape", [x, flat]), "logit_rows"], { axis: 0 });
  const { normed } = await sumAndNormalise(rows(residual), rows(pending!), spec.finalNorm);
  const headSource = spec.tied ? embeddingSource : await store(matrixOf(checkpoint, spec.head), "head");
  const logits = widen(await form.multiply(file, narrow(normed), headSource));
  file.node("Identity", [logits], {}, { outputs: ["logits"] });
  file.output("logits", "float", ["rows", spec.vocabSize]);
  for (const [l, { kvHeads, headDim }] of spec.layers.entries()) {
    for (const kind of ["key", "value"]) {
      const shape = ["batch", kvHeads, "context", headDim];
      const type = kvScales ? "int8" : form.half ? "float16" : "float";
      file.input(`past_key_values.${l}.${kind}`, type, shape);
      file.output(`present.${l}.${kind}`, type, shape);
    }
  }
  return { matrices, parameters, usesPositionIds, contextLength };

  function activate(x: string, layer: LayerSpec): string {
    return layer.activation === "silu"
      ? file.node("QuickGelu", [x], { alpha: { float: 1 } }, MS) // x * sigmoid(alpha x)
      : file.node("Gelu", [x], { approximate: "tanh" });
  }

  async function attention(l: number, layer: LayerSpec, x: string): Promise<string> {
    const { heads, kvHeads, headDim, rope } = layer;
    const rotates = rotatesInAttention(layer);
    let query: string, key = "", value = "";
    if (!packsQuery(layer)) {
      query = await linear(x, `layers.${l}.query`, layer.query);
      key = await linear(x, `layers.${l}.key`, layer.key);
      value = await linear(x, `layers.${l}.value`, layer.value);
      [query, key] = [widen(query), widen(key)];
      if (layer.queryNorm) query = await headNorm(query, heads, headDim, layer.queryNorm);
      if (layer.keyNorm) key = await headNorm(key, kvHeads, headDim, layer.keyNorm);
      if (rope && !rotates) {
        query = await rotate(query, heads, rope);
        key = await rotate(key, kvHeads, rope);
      }
      [query, key] = [narrow(query), narrow(key)];
    } else query = await linear(x, `layers.${l}.qkv`, layer.query, layer.key, layer.value);
    const attended = file.node("GroupQueryAttention", [
      query,
      key,
      value,
      `past_key_values.${l}.key`,
      `past_key_values.${l}.value`,
      "seqlens_k",
      "total_sequence_length",
      ...rope && rotates ? (await ropeOf(rope)).map(narrow) : kvScales ? ["", ""] : [],
      ...kvScales
        ? [
          "",
          "",
          "",
          await kvScale(`layers.${l}.key`, kvScales.key[l]),
          await kvScale(`layers.${l}.value`, kvScales.value[l]),
        ]
        : [],
    ], {
      num_heads: heads,
      kv_num_heads: kvHeads,
      scale: { float: layer.attentionScale },
      ...rotates && { do_rotary: 1 },
      ...layer.window !== undefined && { local_window_size: layer.window },
      ...kvScales && { k_quant_type: "PER_CHANNEL", v_quant_type: "PER_CHANNEL", kv_cache_bit_width: 8 },
    }, { ...MS, outputs: [`layers.${l}.attended`, `present.${l}.key`, `present.${l}.value`] });
    return await linear(attended, `layers.${l}.output`, layer.output);
  }

  function kvScale(name: string, steps: readonly number[]): Promise<string> {
    return file.weight(`${name}.step`, "float", [steps.length], Float32Array.from(steps));
  }

  /** A norm over each head of x [B, S, heads * headDim]. */
  async function headNorm(x: string, heads: number, headDim: number, norm: NormSpec): Promise<string> {
    const split = file.node("Reshape", [x, await constant(`${norm.tensor}.split`, [0, 0, heads, headDim])]);
    const normed = await normalise(split, norm, headDim);
    return file.node("Reshape", [normed, await constant(`${norm.tensor}.join`, [0, 0, heads * headDim])]);
  }

  /** Rotates the first dims of each head, where attention itself does not. */
  async function rotate(x: string, heads: number, rope: RopeSpec): Promise<string> {
    return file.node("RotaryEmbedding", [x, "position_ids", ...await ropeOf(rope)], {
      num_heads: heads,
      rotary_embedding_dim: rope.dims,
    }, MS);
  }
}
