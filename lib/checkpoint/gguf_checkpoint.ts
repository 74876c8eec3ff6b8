/** A GGUF file as a checkpoint: its metadata, names and rows turned into the hub's. */
import type { Checkpoint } from "./checkpoint.ts";
import { ARCHITECTURES, unknownArchitecture } from "./architectures/mod.ts";
import { collectIds, FileCheckpoint } from "./file_checkpoint.ts";
import { type GgufMetadata, readGgufHeader } from "./gguf.ts";
import { tokenizerFilesOf } from "./gguf_tokenizer.ts";
import type { Architecture, GgufDialect } from "./model_spec.ts";
import { inverseFrequencies } from "./rope.ts";
import { readStoredRows, type StoredTensor, WeightFile } from "./stored_tensor.ts";

/** Control tokens that end an answer beyond the one that the metadata names, as llama.cpp takes them. */
const END_TOKENS = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>"];
/** GGUF's number of the token type "control". */
const CONTROL = 3;

/**
 * Opens a GGUF file.
 * @throws {BadInput} where it is damaged, or of an architecture that is not known.
 */
export function openGguf(path: string): Checkpoint & { readonly metadata: GgufMetadata } {
  const file = new WeightFile(path);
  try {
    const { metadata, tensors: stored } = readGgufHeader(file);
    const name = metadata["general.architecture"];
    const architecture = ARCHITECTURES.find((a) => a.gguf?.name === name);
    if (!architecture?.gguf) throw unknownArchitecture(name);
    const dialect = architecture.gguf;
    const tensors = new Map(stored.map((t) => {
      const name = hubName(dialect, t.name);
      return [name, { ...t, name }];
    }));
    const config = hubConfig(file, metadata, tensors, architecture);
    const checkpoint = new FileCheckpoint({
      format: "gguf",
      path,
      config,
      files: [file],
      tensors,
      eosTokenIds: endTokenIds(metadata),
      tokenizerFiles: () => tokenizerFilesOf(metadata),
      readRows: (tensor, start, count) =>
        readHubRows(dialect, config.head_dim as number, tensor, start, count),
    });
    return Object.assign(checkpoint, { metadata });
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

/** `blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`; unknown names stay. */
function hubName(dialect: GgufDialect, name: string): string {
  const [, base, suffix] = /^(.*?)(\.weight|\.bias)?$/.exec(name)!;
  const layer = /^blk\.(\d+)\./.exec(base)?.[1];
  const known = dialect.tensors[layer ? base.replace(layer, "#") : base];
  return known ? known.replace("#", layer ?? "") + (suffix ?? "") : name;
}

/** The metadata in the spelling of `config.json`, keys without a value left out. */
function hubConfig(
  file: WeightFile,
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, StoredTensor>,
  { modelTypes, gguf }: Architecture,
): Record<string, unknown> {
  const { name, tensors: names, config: ownConfig } = gguf!;
  const own: GgufMetadata = {};
  for (const [key, value] of Object.entries(metadata)) {
    if (key.startsWith(`${name}.`)) own[key.slice(name.length + 1)] = value;
  }
  if (own.expert_count) throw file.invalid("be a dense model", `it has ${own.expert_count} experts a layer`);
  const headDim = Number(
    own["attention.key_length"] ?? Number(own.embedding_length) / Number(own["attention.head_count"]),
  );
  const valueDim = own["attention.value_length"];
  if (valueDim !== undefined && valueDim !== headDim) {
    throw file.invalid("have keys and values of one size", `${headDim} and ${valueDim}`);
  }
  const config: Record<string, unknown> = {
    model_type: modelTypes[0],
    vocab_size: tensors.get(`${names.token_embd}.weight`)?.shape[0],
    hidden_size: own.embedding_length,
    intermediate_size: own.feed_forward_length,
    num_hidden_layers: own.block_count,
    num_attention_heads: own["attention.head_count"],
    num_key_value_heads: own["attention.head_count_kv"],
    head_dim: headDim,
    max_position_embeddings: own.context_length,
    rms_norm_eps: own["attention.layer_norm_rms_epsilon"],
    layer_norm_epsilon: own["attention.layer_norm_epsilon"],
    sliding_window: own["attention.sliding_window"] || undefined, // 0 says none
    rope_theta: own["rope.freq_base"],
    partial_rotary_factor: own["rope.dimension_count"] && Number(own["rope.dimension_count"]) / headDim,
    rope_scaling: ropeScaling(file, own, tensors),
    tie_word_embeddings: !tensors.has("lm_head.weight"),
    attention_bias: tensors.has("model.layers.0.self_attn.q_proj.bias"),
    mlp_bias: tensors.has("model.layers.0.mlp.up_proj.bias"),
    bos_token_id: metadata["tokenizer.ggml.bos_token_id"],
    eos_token_id: metadata["tokenizer.ggml.eos_token_id"],
  };
  Object.assign(config, ownConfig?.(own, config));
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function ropeScaling(
  file: WeightFile,
  own: GgufMetadata,
  tensors: ReadonlyMap<string, StoredTensor>,
): Record<string, unknown> | null {
  const factors = tensors.get("rope_freqs.weight");
  if (factors) return llama3Scaling(file, own, factors);
  if (tensors.has("rope_factors_long.weight")) return { rope_type: "longrope" };
  const type = own["rope.scaling.type"] ?? "none";
  return type === "none" ? null : { rope_type: type, factor: own["rope.scaling.factor"] };
}

/**
 * Llama-3's rescaling from the divisors of the frequencies that GGUF stores in its place; all models that use
 * it share the bounds and the context, and the divisors are computed again to see that they do.
 */
function llama3Scaling(file: WeightFile, own: GgufMetadata, stored: StoredTensor): Record<string, unknown> {
  const divisors = readStoredRows(stored, 0, stored.shape[0]);
  const factor = divisors.reduce((a, b) => Math.max(a, b), 1);
  const llama3 = { factor, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 };
  const plain = { theta: Number(own["rope.freq_base"] ?? 10000), dims: 2 * divisors.length };
  const scaled = inverseFrequencies({ ...plain, llama3 });
  inverseFrequencies(plain).forEach((frequency, i) => {
    const expected = frequency / scaled[i];
    if (Math.abs(divisors[i] - expected) > 1e-3 * expected) {
      throw file.invalid(
        "scale rotary frequencies as llama 3 does (factors 1 and 4, 8192 tokens)",
        `rope_freqs.weight[${i}] is ${divisors[i]}, not ${expected}`,
      );
    }
  });
  return {
    rope_type: "llama3",
    factor,
    low_freq_factor: llama3.lowFreqFactor,
    high_freq_factor: llama3.highFreqFactor,
    original_max_position_embeddings: llama3.originalContext,
  };
}

function endTokenIds(metadata: GgufMetadata): number[] {
  const tokens = (metadata["tokenizer.ggml.tokens"] ?? []) as string[];
  const types = (metadata["tokenizer.ggml.token_type"] ?? []) as number[];
  return collectIds(
    metadata["tokenizer.ggml.eos_token_id"],
    metadata["tokenizer.ggml.eot_token_id"],
    metadata["tokenizer.ggml.eom_token_id"],
    tokens.flatMap((token, id) => types[id] === CONTROL && END_TOKENS.includes(token) ? [id] : []),
  );
}

/** Reads rows in the hub's order and meaning. */
function readHubRows(
  dialect: GgufDialect,
  headDim: number,
  tensor: StoredTensor,
  rowStart: number,
  rowCount: number,
): Float32Array<ArrayBuffer> {
  if (dialect.permutesQueryAndKey && /\.self_attn\.[qk]_proj\./.test(tensor.name)) {
    return readPermutedRows(headDim, tensor, rowStart, rowCount);
  }
  const rows = readStoredRows(tensor, rowStart, rowCount);
  if (dialect.normShift && tensor.name.endsWith("norm.weight")) {
    for (let i = 0; i < rows.length; i++) rows[i] -= dialect.normShift;
  }
  return rows;
}

/** Within a head, GGML's row 2i + t is the hub's row t headDim / 2 + i (t = 0, 1). */
function readPermutedRows(
  headDim: number,
  tensor: StoredTensor,
  rowStart: number,
  rowCount: number,
): Float32Array<ArrayBuffer> {
  const first = Math.floor(rowStart / headDim) * headDim;
  const last = Math.min(Math.ceil((rowStart + rowCount) / headDim) * headDim, tensor.shape[0]);
  const stored = readStoredRows(tensor, first, last - first);
  const columns = stored.length / Math.max(1, last - first);
  const rows = new Float32Array(rowCount * columns);
  for (let r = 0; r < rowCount; r++) {
    const head = rowStart + r - (rowStart + r) % headDim,
      within = (rowStart + r) % headDim,
      half = headDim / 2;
    const source = head - first + 2 * (within % half) + Math.floor(within / half);
    rows.set(stored.subarray(source * columns, (source + 1) * columns), r * columns);
  }
  return rows;
}
