/** Writes small checkpoints in both formats, for tests that need one of their own making. */
import { join } from "node:path";
import { createRandom } from "../../math/mod.ts";

export interface TensorData {
  shape: number[];
  data: Float32Array;
}
export type Tensors = Record<string, TensorData>;

/** A llama of two layers with grouped heads and an untied head. */
export const SMALL_LLAMA = {
  model_type: "llama",
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 8,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  eos_token_id: 2,
};

/** Random weights of a small llama, each exact in bfloat16 and float16. */
export function smallLlamaTensors(config: typeof SMALL_LLAMA = SMALL_LLAMA): Tensors {
  const random = createRandom(1);
  const make = (...shape: number[]): TensorData => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.int(256) / 128 - 1),
  });
  const { vocab_size: vocab, hidden_size: hidden, intermediate_size: inner, head_dim: headDim } = config;
  const [queries, keys] = [config.num_attention_heads * headDim, config.num_key_value_heads * headDim];
  const tensors: Tensors = { "model.embed_tokens.weight": make(vocab, hidden) };
  for (let l = 0; l < config.num_hidden_layers; l++) {
    const layer = `model.layers.${l}.`;
    tensors[`${layer}input_layernorm.weight`] = make(hidden);
    tensors[`${layer}self_attn.q_proj.weight`] = make(queries, hidden);
    tensors[`${layer}self_attn.k_proj.weight`] = make(keys, hidden);
    tensors[`${layer}self_attn.v_proj.weight`] = make(keys, hidden);
    tensors[`${layer}self_attn.o_proj.weight`] = make(hidden, queries);
    tensors[`${layer}post_attention_layernorm.weight`] = make(hidden);
    tensors[`${layer}mlp.gate_proj.weight`] = make(inner, hidden);
    tensors[`${layer}mlp.up_proj.weight`] = make(inner, hidden);
    tensors[`${layer}mlp.down_proj.weight`] = make(hidden, inner);
  }
  tensors["model.norm.weight"] = make(hidden);
  tensors["lm_head.weight"] = make(vocab, hidden);
  return tensors;
}

type FloatType = "F32" | "F16" | "BF16";

function encode(data: Float32Array, type: FloatType): Uint8Array {
  if (type === "F32") return new Uint8Array(data.slice().buffer);
  if (type === "F16") return new Uint8Array(Float16Array.from(data).buffer);
  const bits = new Uint32Array(data.slice().buffer);
  return new Uint8Array(Uint16Array.from(bits, (b) => b >>> 16).buffer);
}

/** A safetensors file's bytes. */
export function safetensorsBytes(tensors: Tensors, type: FloatType = "F32"): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const bytes = encode(data, type);
    header[name] = { dtype: type, shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  return concat([little(8, text.length), text, ...parts]);
}

/** A folder in the hub's layout. */
export async function writeFolder(folder: string, config: unknown, tensors: Tensors): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
  await Deno.writeFile(join(folder, "model.safetensors"), safetensorsBytes(tensors));
}

/** A GGUF file's bytes, all tensors F32; whole numbers are u32, others f32. */
export function ggufBytes(metadata: Record<string, unknown>, tensors: Tensors): Uint8Array {
  const head: Uint8Array[] = [
    new TextEncoder().encode("GGUF"),
    little(4, 3),
    little(8, Object.keys(tensors).length),
    little(8, Object.keys(metadata).length),
  ];
  for (const [key, value] of Object.entries(metadata)) head.push(ggufString(key), ...ggufValue(value));
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    head.push(ggufString(name), little(4, shape.length), ...shape.toReversed().map((n) => little(8, n)));
    head.push(little(4, 0), little(8, at));
    const padded = new Uint8Array(Math.ceil(4 * data.length / 32) * 32);
    padded.set(encode(data, "F32"));
    parts.push(padded);
    at += padded.length;
  }
  const size = head.reduce((sum, part) => sum + part.length, 0);
  return concat([...head, new Uint8Array(-size & 31), ...parts]);
}

function ggufValue(value: unknown): Uint8Array[] {
  if (typeof value === "string") return [little(4, 8), ggufString(value)];
  if (Array.isArray(value)) {
    const [[type], items] = [ggufValue(value[0]), value.map((v) => ggufValue(v)[1])];
    return [little(4, 9), type, little(8, value.length), ...items];
  }
  if (Number.isInteger(value)) return [little(4, 4), little(4, value as number)];
  return [little(4, 6), new Uint8Array(Float32Array.of(value as number).buffer)];
}

function ggufString(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return concat([little(8, bytes.length), bytes]);
}

function little(bytes: 4 | 8, value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer).slice(0, bytes);
}

function concat(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
