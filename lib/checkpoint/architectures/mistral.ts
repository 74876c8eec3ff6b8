/** Mistral 7B and its kin: llama with a sliding window on every layer. */
import type { Architecture } from "../model_spec.ts";
import { sizeOf } from "./config.ts";
import { describeDecoder } from "./decoder.ts";

/** GGUF files of it say `llama` and give no window. */
export const mistral: Architecture = {
  modelTypes: ["mistral"],
  describe(config) {
    const window = config.sliding_window == null ? undefined : sizeOf(config, "sliding_window");
    return describeDecoder(config, { window: () => window });
  },
};
