/** Llama 1 to 3, SmolLM, TinyLlama and others of `LlamaForCausalLM`; in GGUF Mistral too. */
import type { Architecture } from "../model_spec.ts";
import { flagOf } from "./config.ts";
import { describeDecoder, LLAMA_TENSORS } from "./decoder.ts";

export const llama: Architecture = {
  modelTypes: ["llama"],
  gguf: { name: "llama", tensors: LLAMA_TENSORS, permutesQueryAndKey: true },
  describe(config) {
    const attentionBias = flagOf(config, "attention_bias", false);
    return describeDecoder(config, {
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: flagOf(config, "mlp_bias", false),
    });
  },
};
