/** Phi 3 and 4 with the short context: llama with query, key and value in one matrix, gate and up in another. */
import type { Architecture } from "../model_spec.ts";
import { mustBeOff, sizeOf } from "./config.ts";
import { describeDecoder, LLAMA_TENSORS } from "./decoder.ts";

export const phi3: Architecture = {
  modelTypes: ["phi3"],
  gguf: {
    name: "phi3",
    tensors: {
      ...LLAMA_TENSORS,
      "blk.#.attn_qkv": "model.layers.#.self_attn.qkv_proj",
      "blk.#.ffn_up": "model.layers.#.mlp.gate_up_proj",
    },
  },
  describe(config) {
    mustBeOff(config, "attention_bias");
    const window = config.sliding_window == null ? undefined : sizeOf(config, "sliding_window");
    return describeDecoder(config, {
      window: () => window,
      vary({ query, key, value, gate, up }, prefix) {
        const qkv = `${prefix}self_attn.qkv_proj.weight`, gateUp = `${prefix}mlp.gate_up_proj.weight`;
        return {
          query: { ...query, tensor: qkv, rowStart: 0 },
          key: { ...key, tensor: qkv, rowStart: query.rows },
          value: { ...value, tensor: qkv, rowStart: query.rows + key.rows },
          gate: { ...gate!, tensor: gateUp, rowStart: 0 },
          up: { ...up, tensor: gateUp, rowStart: up.rows },
        };
      },
    });
  },
};
