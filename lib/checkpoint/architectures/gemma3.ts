/**
 * Gemma 3's text model: norms before and after both blocks with weights 1 + w, query and key norms, five local
 * layers to a global one, an embedding scaled by sqrt(hidden). The multimodal files' text part is read alone.
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/models/gemma3/modeling_gemma3.py
 */
import type { Architecture, ModelSpec } from "../model_spec.ts";
import { type Config, isSliding, mustBeOff, numberOf, ropeOf, sizeOf } from "./config.ts";
import { describeDecoder, LLAMA_TENSORS } from "./decoder.ts";

/** transformers' defaults, which multimodal files leave out of `text_config`. */
const DEFAULTS: Config = {
  vocab_size: 262208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  max_position_embeddings: 131072,
  query_pre_attn_scalar: 256,
  sliding_window: 4096,
  hidden_activation: "gelu_pytorch_tanh",
};

function describe(outer: Config): ModelSpec {
  const config: Config = {
    ...DEFAULTS,
    ...(outer.text_config ?? outer) as Config,
    model_type: "gemma3_text",
  };
  mustBeOff(
    config,
    "attention_bias",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "use_bidirectional_attention",
  );
  const headDim = sizeOf(config, "head_dim");
  const window = sizeOf(config, "sliding_window");
  const pattern = Number(config.sliding_window_pattern ?? config._sliding_window_pattern ?? 6);
  const isLocal = (layer: number) => isSliding(config, layer, (l) => (l + 1) % pattern !== 0);
  const global = ropeOf({ rope_theta: 1e6, ...config }, headDim, "full_attention");
  const localConfig = { ...config, rope_theta: config.rope_local_base_freq ?? 10000, rope_scaling: null };
  const local = ropeOf(localConfig, headDim, "sliding_attention");

  const spec = describeDecoder(config, {
    headDim,
    headNorms: true,
    normOffset: 1,
    tied: true,
    activationKey: "hidden_activation",
    window: (layer) => isLocal(layer) ? window : undefined,
    rope: (layer) => isLocal(layer) ? local : global,
    vary({ mlpNorm: norm }, prefix) {
      return {
        attentionScale: numberOf(config, "query_pre_attn_scalar") ** -0.5,
        postAttentionNorm: norm,
        mlpNorm: { ...norm, tensor: `${prefix}pre_feedforward_layernorm.weight` },
        postMlpNorm: { ...norm, tensor: `${prefix}post_feedforward_layernorm.weight` },
      };
    },
  });
  spec.embedding.scale = Math.sqrt(spec.hiddenSize);
  return spec;
}

export const gemma3: Architecture = {
  modelTypes: ["gemma3_text", "gemma3"],
  gguf: {
    name: "gemma3",
    tensors: {
      ...LLAMA_TENSORS,
      "blk.#.post_attention_norm": "model.layers.#.post_attention_layernorm",
      "blk.#.ffn_norm": "model.layers.#.pre_feedforward_layernorm",
      "blk.#.post_ffw_norm": "model.layers.#.post_feedforward_layernorm",
    },
    normShift: 1,
    config: (own, config) => ({
      rope_theta: config.rope_theta ?? 1e6,
      rope_local_base_freq: own["rope.freq_base_swa"],
      sliding_window_pattern: own["attention.sliding_window_pattern"],
      final_logit_softcapping: own["final_logit_softcapping"],
      // GGUF lacks the scalar; the 27B model, known by its 62 layers, alone takes it from the hidden size.
      query_pre_attn_scalar: config.num_hidden_layers === 62
        ? Number(config.hidden_size) / Number(config.num_attention_heads)
        : config.head_dim,
    }),
  },
  canonicalName: (name) => name.replace(/^(model\.)?language_model\.(model\.)?/, "model."),
  describe,
};
