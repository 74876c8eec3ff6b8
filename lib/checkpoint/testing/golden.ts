/** The answers beside the tiny checkpoints in `../shared/tiny`. */
import { join } from "node:path";
import { readSafetensorsHeader } from "../safetensors.ts";
import { readStoredRows, WeightFile } from "../stored_tensor.ts";

/** Folders of `../shared/tiny`. */
export const TINY_MODELS = [
  "llama",
  "llama3-rope",
  "mistral-window",
  "qwen2",
  "qwen3",
  "gemma3",
  "phi3",
  "gpt2",
] as const;

/**
 * How the rotary frequencies behind a golden file were rounded: these models were cast to 16 bits as a whole and
 * back before their logits were computed, which moves the logits of llama's 40 tokens by 0.4% of the largest.
 * Loading the same files with `from_pretrained` keeps the frequencies in float32, and so do we: a test that
 * compares logits asks for the rounding (`roundLikeGolden`).
 */
const ROUNDED: Record<string, string> = { llama: "bfloat16", qwen2: "float16" };

/** The config to compare logits under: the folder's own, with the golden file's rounding of frequencies. */
export function roundLikeGolden(model: string, config: Record<string, unknown>): Record<string, unknown> {
  const key = config.rope_parameters ? "rope_parameters" : "rope_scaling";
  const rounding = ROUNDED[model] && { [key]: { ...config[key] as object, frequency_dtype: ROUNDED[model] } };
  return { ...config, ...rounding };
}

export interface GoldenCase {
  inputIds: number[];
  /** float32 [inputIds.length * vocab] */
  logits: Float32Array;
  greedyIds: number[];
}

/** Reads `golden.safetensors` of a tiny checkpoint's folder. */
export function readGolden(folder: string): GoldenCase[] {
  const file = new WeightFile(join(folder, "golden.safetensors"));
  try {
    const tensors = new Map(readSafetensorsHeader(file).map((t) => [t.name, t]));
    const ids = (name: string) => {
      const { offset, bytes } = tensors.get(name)!;
      const values = new BigInt64Array(bytes / 8);
      file.readInto(new Uint8Array(values.buffer), offset);
      return Array.from(values, Number);
    };
    return [0, 1, 2].map((n) => {
      const logits = tensors.get(`logits.${n}`)!;
      return {
        inputIds: ids(`input_ids.${n}`),
        logits: readStoredRows(logits, 0, logits.shape[0]),
        greedyIds: ids(`greedy_ids.${n}`),
      };
    });
  } finally {
    file.close();
  }
}
