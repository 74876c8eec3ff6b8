/** The layer that llama set and most architectures vary; their files say how. */
import { BadInput } from "../../std/errors.ts";
import type { LayerSpec, MatrixSpec, ModelSpec, NormSpec, RopeSpec } from "../model_spec.ts";
import { choiceOf, type Config, flagOf, numberOf, ropeOf, sizeOf } from "./config.ts";

/** Where an architecture differs from llama without biases. */
export interface DecoderTraits {
  /** Biases of the query, key and value projections. */
  qkvBias?: boolean;
  outputBias?: boolean;
  mlpBias?: boolean;
  /** RMSNorm over each head's query and key. */
  headNorms?: boolean;
  /** Added to the weights of all norms. */
  normOffset?: number;
  headDim?: number;
  /** Default of `tie_word_embeddings`. */
  tied?: boolean;
  activationKey?: string;
  /** Tokens that a layer sees, itself included; undefined sees all. */
  window?(layer: number): number | undefined;
  rope?(layer: number): RopeSpec;
  /** Replaces parts of a layer. */
  vary?(layer: LayerSpec, prefix: string): Partial<LayerSpec>;
}

export const ACTIVATIONS = {
  silu: "silu",
  swish: "silu",
  gelu_new: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
} as const;

/** GGUF's names of llama's tensors. */
export const LLAMA_TENSORS = {
  "token_embd": "model.embed_tokens",
  "output_norm": "model.norm",
  "output": "lm_head",
  "blk.#.attn_norm": "model.layers.#.input_layernorm",
  "blk.#.attn_q": "model.layers.#.self_attn.q_proj",
  "blk.#.attn_k": "model.layers.#.self_attn.k_proj",
  "blk.#.attn_v": "model.layers.#.self_attn.v_proj",
  "blk.#.attn_output": "model.layers.#.self_attn.o_proj",
  "blk.#.attn_q_norm": "model.layers.#.self_attn.q_norm",
  "blk.#.attn_k_norm": "model.layers.#.self_attn.k_norm",
  "blk.#.ffn_norm": "model.layers.#.post_attention_layernorm",
  "blk.#.ffn_gate": "model.layers.#.mlp.gate_proj",
  "blk.#.ffn_up": "model.layers.#.mlp.up_proj",
  "blk.#.ffn_down": "model.layers.#.mlp.down_proj",
};

/** A head's size: `head_dim`, else an equal part of the hidden size. */
export function headDimOf(config: Config): number {
  return sizeOf(config, "head_dim", sizeOf(config, "hidden_size") / sizeOf(config, "num_attention_heads"));
}

/** Describes an architecture that varies llama. */
export function describeDecoder(config: Config, traits: DecoderTraits = {}): ModelSpec {
  const hidden = sizeOf(config, "hidden_size");
  const inner = sizeOf(config, "intermediate_size");
  const vocabSize = sizeOf(config, "vocab_size");
  const contextLength = sizeOf(config, "max_position_embeddings");
  const heads = sizeOf(config, "num_attention_heads");
  const kvHeads = sizeOf(config, "num_key_value_heads", heads);
  if (heads % kvHeads) {
    throw new BadInput(
      `Cannot use this ${config.model_type} config as heads must share key heads evenly: ${heads} share ${kvHeads}`,
    );
  }
  const headDim = traits.headDim ?? headDimOf(config);
  const eps = numberOf(config, "rms_norm_eps", 1e-6);
  const activation = choiceOf(config, traits.activationKey ?? "hidden_act", ACTIVATIONS, "silu");
  const norm = (tensor: string): NormSpec => ({ kind: "rms", tensor, eps, offset: traits.normOffset ?? 0 });
  const matrix = (name: string, rows: number, cols: number, bias = false): MatrixSpec => ({
    tensor: `${name}.weight`,
    rows,
    cols,
    ...(bias && { bias: `${name}.bias` }),
  });

  const layers = Array.from({ length: sizeOf(config, "num_hidden_layers") }, (_, index): LayerSpec => {
    const prefix = `model.layers.${index}.`;
    const attention = `${prefix}self_attn.`, mlp = `${prefix}mlp.`;
    const window = traits.window?.(index);
    const layer: LayerSpec = {
      inputNorm: norm(`${prefix}input_layernorm.weight`),
      query: matrix(`${attention}q_proj`, heads * headDim, hidden, traits.qkvBias),
      key: matrix(`${attention}k_proj`, kvHeads * headDim, hidden, traits.qkvBias),
      value: matrix(`${attention}v_proj`, kvHeads * headDim, hidden, traits.qkvBias),
      output: matrix(`${attention}o_proj`, hidden, heads * headDim, traits.outputBias),
      ...(traits.headNorms && {
        queryNorm: norm(`${attention}q_norm.weight`),
        keyNorm: norm(`${attention}k_norm.weight`),
      }),
      heads,
      kvHeads,
      headDim,
      attentionScale: headDim ** -0.5,
      ...(window !== undefined && window < contextLength && { window }),
      rope: traits.rope?.(index) ?? ropeOf(config, headDim),
      mlpNorm: norm(`${prefix}post_attention_layernorm.weight`),
      gate: matrix(`${mlp}gate_proj`, inner, hidden, traits.mlpBias),
      up: matrix(`${mlp}up_proj`, inner, hidden, traits.mlpBias),
      down: matrix(`${mlp}down_proj`, hidden, inner, traits.mlpBias),
      activation,
    };
    return { ...layer, ...traits.vary?.(layer, prefix) };
  });

  const embedding = "model.embed_tokens.weight";
  const tied = flagOf(config, "tie_word_embeddings", traits.tied ?? false);
  return {
    architecture: String(config.model_type),
    vocabSize,
    hiddenSize: hidden,
    contextLength,
    embedding: { tensor: embedding, scale: 1 },
    layers,
    finalNorm: norm("model.norm.weight"),
    head: { tensor: tied ? embedding : "lm_head.weight", rows: vocabSize, cols: hidden },
    tied,
  };
}
