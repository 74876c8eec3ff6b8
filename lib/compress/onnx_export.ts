/**
 * ONNX exports from the hub (`onnx/model.onnx`, `model_q4.onnx`, `model_quantized.onnx`): what a graph that someone
 * else built needs of the engine, read from the graph itself.
 *
 * Its inputs are `input_ids`, `attention_mask`, `position_ids`, `num_logits_to_keep` (0 keeps all) as far as it has
 * them, and `past_key_values.N.key|value`, its outputs `logits` and `present.N.key|value`, as Optimum, transformers.js and onnxruntime-genai write them.
 * @see https://github.com/microsoft/onnxruntime-genai/blob/main/src/python/py/models/builder.py
 */
import { dirname, join } from "node:path";
import { collectIds } from "../checkpoint/file_checkpoint.ts";
import {
  configFolderOf,
  exportFiles,
  type OnnxGraph,
  type OnnxNode,
  readOnnxGraph,
} from "../checkpoint/onnx_reader.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeJson } from "../std/files.ts";
import { DataType } from "./onnx_file.ts";
import type { ExportLayout, VariantManifest } from "./variant.ts";

/** Inputs that a run is fed besides the KV. */
const FEEDS = new Set(["input_ids", "attention_mask", "position_ids", "num_logits_to_keep"]);

type Json = Record<string, unknown>;

const FLOATS: Record<number, "float" | "float16"> = {
  [DataType.float]: "float",
  [DataType.float16]: "float16",
};

/**
 * Writes the folder of an export: `variant.json`, which points to the `.onnx` file, and the tokenizer's files.
 * @throws {BadInput} where the file is not a decoder with the inputs and outputs above, or lacks a file.
 */
export async function writeExportFolder(
  path: string,
  { model, source, outDir }: {
    model: string;
    source: Omit<VariantManifest["source"], "format" | "bitsPerWeight">;
    outDir: string;
  },
): Promise<VariantManifest> {
  const graph = readOnnxGraph(path);
  const files = await exportFiles(graph);
  const folder = await configFolderOf(path);
  const optional = async (name: string) =>
    await exists(join(folder, name)) ? await readJson<Json>(join(folder, name)) : {};
  const config = await readJson<Json>(join(folder, "config.json"));
  const generation = await optional("generation_config.json");
  let bytes = 0;
  for (const file of files) bytes += (await Deno.stat(file)).size;
  const { parameters, bitsPerWeight } = countWeights(graph);
  const { layers, vocabSize, ...layout } = describeGraph(graph, config);
  const manifest: VariantManifest = {
    builderVersion: 0,
    model,
    variant: "export",
    form: "export",
    architecture: String(config.model_type),
    vocabSize,
    hiddenSize: sizeIn(graph, config, "hidden_size", "n_embd"),
    contextLength: sizeIn(graph, config, "max_position_embeddings", "n_positions"),
    layers,
    usesPositionIds: layout.inputs.includes("position_ids"),
    eosTokenIds: collectIds(config.eos_token_id, generation.eos_token_id),
    bytes,
    bitsPerWeight,
    parameters,
    source: { ...source, format: "onnx", bitsPerWeight },
    export: { path, ...layout },
  };
  await Deno.mkdir(outDir, { recursive: true });
  if (await exists(join(folder, "tokenizer.json"))) {
    await Deno.copyFile(join(folder, "tokenizer.json"), join(outDir, "tokenizer.json"));
    const template = join(folder, "chat_template.jinja");
    await writeJson(join(outDir, "tokenizer_config.json"), {
      ...await optional("tokenizer_config.json"),
      ...(await exists(template) && { chat_template: await Deno.readTextFile(template) }),
    });
  }
  await writeJson(join(outDir, "variant.json"), manifest);
  return manifest;
}

function sizeIn({ path }: OnnxGraph, config: Json, ...keys: string[]): number {
  const value = keys.map((key) => config[key]).find((v) => v !== undefined);
  if (Number.isSafeInteger(value)) return value as number;
  throw new BadInput(
    `Cannot use ${path} as ${join(dirname(path), "config.json")} must give ${keys.join(" or ")}: it does not`,
  );
}

/**
 * Reads how a graph is run.
 * @throws {BadInput} where an input or output is not one that the engine knows.
 */
function describeGraph(
  graph: OnnxGraph,
  config: Json,
): Omit<ExportLayout, "path"> & Pick<VariantManifest, "layers" | "vocabSize"> {
  const unfit = (rule: string, state: string) =>
    new BadInput(`Cannot run ${graph.path} as ${rule}: ${state}`);
  const inputs: string[] = [];
  const layers: VariantManifest["layers"] = [];
  const kvTypes = new Set<number>();
  for (const [name, { type, shape }] of graph.inputs) {
    const [, layer, kind] = /^past_key_values\.(\d+)\.(key|value)$/.exec(name) ?? [];
    if (layer !== undefined) {
      const [, kvHeads, , headDim] = shape;
      if (shape.length !== 4 || typeof kvHeads !== "number" || typeof headDim !== "number") {
        throw unfit(`${name} must be [batch, heads, past, size]`, `it is [${shape}]`);
      }
      if (!graph.outputs.has(`present.${layer}.${kind}`)) {
        throw unfit(`it must give present.${layer}.${kind}`, "it does not");
      }
      kvTypes.add(type);
      layers[Number(layer)] = { kvHeads, headDim, window: null };
    } else if (FEEDS.has(name)) {
      if (type !== DataType.int64) throw unfit(`${name} must be int64`, `it is of type ${type}`);
      inputs.push(name);
    } else {
      throw unfit("its inputs must be input_ids, attention_mask, position_ids and KV", `it has ${name} too`);
    }
  }
  const logits = graph.outputs.get("logits");
  if (!inputs.includes("input_ids") || layers.length === 0 || !logits) {
    throw unfit(
      "it must turn input_ids and past_key_values into logits",
      "it has no such inputs and outputs",
    );
  }
  const kvType = FLOATS[[...kvTypes][0]], logitsType = FLOATS[logits.type];
  if (kvTypes.size > 1 || !kvType || !logitsType) {
    throw unfit(
      "its KV and logits must be float32 or float16",
      `they are of types ${[...kvTypes, logits.type]}`,
    );
  }
  const vocabSize = logits.shape[2];
  const inPlace = layers.every((_, l) => isGroupQueryAttention(graph, l));
  return {
    inputs,
    layers,
    vocabSize: typeof vocabSize === "number" ? vocabSize : sizeIn(graph, config, "vocab_size"),
    kvType,
    logitsType,
    inPlace,
    leastBatch: graph.nodes.some(roundsSingleRowsOtherwise) ? 2 : 1,
    batchDependence: inPlace ? batchDependenceOf(graph) : "its attention is not GroupQueryAttention",
  };
}

/** Says whether a layer's past goes into a GroupQueryAttention and nowhere else. */
function isGroupQueryAttention({ nodes }: OnnxGraph, layer: number): boolean {
  return ["key", "value"].every((kind, i) => {
    const readers = nodes.filter((n) => n.inputs.includes(`past_key_values.${layer}.${kind}`));
    return readers.length === 1 && readers[0].opType === "GroupQueryAttention" &&
      readers[0].inputs[3 + i] === `past_key_values.${layer}.${kind}` &&
      readers[0].outputs[1 + i] === `present.${layer}.${kind}`;
  });
}

/** Operators that treat each row of a batch alone, whatever their inputs are. */
const ROW_WISE = new Set(
  ("Abs Add And BiasGelu Cast Clip Concat Constant ConstantOfShape Cos CumSum DequantizeLinear Div Equal Erf " +
    "Expand FastGelu Gather GatherBlockQuantized Gelu Greater GroupQueryAttention Identity LayerNormalization " +
    "Less LessOrEqual Max Min Mul Neg Not Pow QuickGelu RMSNormalization Range Reciprocal ReduceMean ReduceSum " +
    "Relu Reshape RotaryEmbedding ScatterND Shape Sigmoid Sin SimplifiedLayerNormalization SkipLayerNormalization " +
    "SkipSimplifiedLayerNormalization Slice Softplus Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze Where")
    .split(" "),
);
const MATMULS = new Set(["MatMul", "FusedMatMul", "Gemm", "MatMulNBits"]);

/** Why rows of a batch would not be independent of each other, or null where they are. */
function batchDependenceOf({ nodes, weights }: OnnxGraph): string | null {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const isWeight = (name: string): boolean => {
    if (weights.has(name)) return true;
    const node = producers.get(name);
    return ["Cast", "Constant", "DequantizeLinear", "Identity", "Transpose"].includes(node?.opType ?? "") &&
      node!.inputs.every(isWeight);
  };
  /** A value that comes from the sum over the attention mask is a length of each row. */
  const isRowLength = (name: string, summed = false): boolean => {
    if (name === "attention_mask") return summed;
    const node = producers.get(name);
    return node !== undefined && node.opType !== "Shape" && node.inputs.length > 0 &&
      isRowLength(node.inputs[0], summed || node.opType === "ReduceSum");
  };
  for (const { opType, inputs } of nodes) {
    if (opType === "DynamicQuantizeLinear") {
      return "its matmuls round activations with one scale for the whole batch";
    }
    if (MATMULS.has(opType)) {
      if (!isWeight(inputs[1])) return `its ${opType} multiplies two activations`;
    } else if (!ROW_WISE.has(opType)) return `its ${opType} is not known to keep rows apart`;
    if (opType === "GroupQueryAttention" && !isRowLength(inputs[5])) {
      return "its attention takes lengths from elsewhere than the attention mask";
    }
  }
  return null;
}

/** ONNX Runtime has another kernel for a single row of these; two rows and more are equal bit for bit. */
function roundsSingleRowsOtherwise({ opType, integers }: OnnxNode): boolean {
  return opType === "MatMulNBits" && !(integers.bits === 8 && integers.accuracy_level === 4);
}

/** Bits of an element of each type. */
const BITS: Record<number, number> = { 1: 32, 2: 8, 3: 8, 10: 16, 16: 16, 21: 4, 22: 4 };

/** Weights of the matrices (embedding included) and their mean bits, scales and zero points included. */
function countWeights({ nodes, weights }: OnnxGraph): { parameters: number; bitsPerWeight: number } {
  const counted = new Set<string>();
  let parameters = 0, bits = 0;
  const size = (name: string) => weights.get(name)!.shape.reduce((a, b) => a * b, 1);
  for (const { opType, inputs, integers } of nodes) {
    const isPacked = opType === "MatMulNBits" || opType === "GatherBlockQuantized";
    const matrix = opType === "Gather" || opType === "GatherBlockQuantized" ? inputs[0] : inputs[1];
    if (
      !isPacked && !MATMULS.has(opType) && !["Gather", "MatMulInteger", "Transpose", "Cast"].includes(opType)
    ) continue;
    if ((weights.get(matrix)?.shape.length ?? 0) < 2 || counted.has(matrix)) continue;
    counted.add(matrix);
    const stored = size(matrix) * (BITS[weights.get(matrix)!.type] ?? 32);
    bits += stored;
    parameters += isPacked ? stored / (integers.bits ?? 4) : size(matrix);
    if (!isPacked) continue;
    for (const name of inputs.slice(2).filter((n) => weights.has(n) && !counted.has(n))) {
      counted.add(name);
      bits += size(name) * (BITS[weights.get(name)!.type] ?? 32);
    }
  }
  return { parameters, bitsPerWeight: parameters ? bits / parameters : 0 };
}
