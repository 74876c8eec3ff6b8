/** Qwen 1.5, 2 and 2.5: llama with biases on query, key and value. */
import type { Architecture } from "../model_spec.ts";
import { type Config, flagOf, isSliding, sizeOf } from "./config.ts";
import { describeDecoder, LLAMA_TENSORS } from "./decoder.ts";

/** Windows, where they are switched on, are for the layers from `max_window_layers` on. */
export function qwenWindow(config: Config): (layer: number) => number | undefined {
  if (!flagOf(config, "use_sliding_window", false) || config.sliding_window == null) return () => undefined;
  const window = sizeOf(config, "sliding_window");
  const first = Number(config.max_window_layers ?? 28);
  return (layer) => isSliding(config, layer, (l) => l >= first) ? window : undefined;
}

export const qwen2: Architecture = {
  modelTypes: ["qwen2"],
  gguf: { name: "qwen2", tensors: LLAMA_TENSORS },
  describe: (config) => describeDecoder(config, { qkvBias: true, window: qwenWindow(config) }),
};
