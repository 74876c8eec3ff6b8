/** Qwen 3, dense: llama with RMSNorm over each head's query and key. */
import type { Architecture } from "../model_spec.ts";
import { flagOf, sizeOf } from "./config.ts";
import { describeDecoder, LLAMA_TENSORS } from "./decoder.ts";
import { qwenWindow } from "./qwen2.ts";

export const qwen3: Architecture = {
  modelTypes: ["qwen3"],
  gguf: { name: "qwen3", tensors: LLAMA_TENSORS },
  describe(config) {
    const attentionBias = flagOf(config, "attention_bias", false);
    return describeDecoder(config, {
      headDim: sizeOf(config, "head_dim", 128),
      headNorms: true,
      qkvBias: attentionBias,
      outputBias: attentionBias,
      window: qwenWindow(config),
    });
  },
};
