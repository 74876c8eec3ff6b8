/**
 * GPT-2: learned positions, LayerNorm, query, key and value fused, and linear layers stored [in, out]
 * (`Conv1D`), but in GGUF [out, in].
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/models/gpt2/modeling_gpt2.py
 */
import type { Architecture, LayerSpec, MatrixSpec, ModelSpec, NormSpec } from "../model_spec.ts";
import { ACTIVATIONS } from "./decoder.ts";
import { choiceOf, type Config, flagOf, mustBeOff, numberOf, sizeOf } from "./config.ts";

function describe(given: Config): ModelSpec {
  // Both spellings stand for the same, as in transformers' attribute_map.
  const config: Config = {
    n_embd: given.hidden_size,
    n_layer: given.num_hidden_layers,
    n_head: given.num_attention_heads,
    n_positions: given.max_position_embeddings,
    ...given,
  };
  mustBeOff(config, "add_cross_attention");
  const hidden = sizeOf(config, "n_embd");
  const heads = sizeOf(config, "n_head");
  const headDim = sizeOf(config, "head_dim", hidden / heads);
  const inner = sizeOf(config, "n_inner", 4 * hidden);
  const contextLength = sizeOf(config, "n_positions");
  const vocabSize = sizeOf(config, "vocab_size");
  const eps = numberOf(config, "layer_norm_epsilon", 1e-5);
  const transposed = flagOf(config, "conv1d_layout", true);
  const scaled = flagOf(config, "scale_attn_weights", true);
  const byLayer = flagOf(config, "scale_attn_by_inverse_layer_idx", false);
  const activation = choiceOf(config, "activation_function", ACTIVATIONS, "gelu_new");
  const norm = (name: string): NormSpec => ({
    kind: "layer",
    tensor: `${name}.weight`,
    bias: `${name}.bias`,
    eps,
    offset: 0,
  });
  const linear = (name: string, rows: number, cols: number, start?: number): MatrixSpec => ({
    tensor: `${name}.weight`,
    rows,
    cols,
    transposed,
    bias: `${name}.bias`,
    ...(start !== undefined && { rowStart: start, biasStart: start }),
  });

  const layers = Array.from({ length: sizeOf(config, "n_layer") }, (_, index): LayerSpec => {
    const prefix = `transformer.h.${index}.`;
    return {
      inputNorm: norm(`${prefix}ln_1`),
      query: linear(`${prefix}attn.c_attn`, hidden, hidden, 0),
      key: linear(`${prefix}attn.c_attn`, hidden, hidden, hidden),
      value: linear(`${prefix}attn.c_attn`, hidden, hidden, 2 * hidden),
      output: linear(`${prefix}attn.c_proj`, hidden, hidden),
      heads,
      kvHeads: heads,
      headDim,
      attentionScale: (scaled ? headDim ** -0.5 : 1) / (byLayer ? index + 1 : 1),
      rope: null,
      mlpNorm: norm(`${prefix}ln_2`),
      up: linear(`${prefix}mlp.c_fc`, inner, hidden),
      down: linear(`${prefix}mlp.c_proj`, hidden, inner),
      activation,
    };
  });

  const tied = flagOf(config, "tie_word_embeddings", true);
  return {
    architecture: String(config.model_type),
    vocabSize,
    hiddenSize: hidden,
    contextLength,
    embedding: { tensor: "transformer.wte.weight", scale: 1 },
    positionEmbedding: { tensor: "transformer.wpe.weight" },
    layers,
    finalNorm: norm("transformer.ln_f"),
    head: { tensor: tied ? "transformer.wte.weight" : "lm_head.weight", rows: vocabSize, cols: hidden },
    tied,
  };
}

export const gpt2: Architecture = {
  modelTypes: ["gpt2"],
  gguf: {
    name: "gpt2",
    tensors: {
      "token_embd": "transformer.wte",
      "position_embd": "transformer.wpe",
      "output_norm": "transformer.ln_f",
      "output": "lm_head",
      "blk.#.attn_norm": "transformer.h.#.ln_1",
      "blk.#.attn_qkv": "transformer.h.#.attn.c_attn",
      "blk.#.attn_output": "transformer.h.#.attn.c_proj",
      "blk.#.ffn_norm": "transformer.h.#.ln_2",
      "blk.#.ffn_up": "transformer.h.#.mlp.c_fc",
      "blk.#.ffn_down": "transformer.h.#.mlp.c_proj",
    },
    config: (_, config) => ({ conv1d_layout: false, n_inner: config.intermediate_size }),
  },
  canonicalName: (name) => /^(transformer|lm_head)\./.test(name) ? name : `transformer.${name}`,
  describe,
};
