/** The frequencies of rotary positions. */
import type { RopeSpec } from "./model_spec.ts";

/**
 * Radians a position, for each of the pairs (i, i + dims / 2).
 * @returns [dims / 2], in double precision unless the description rounds them
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/modeling_rope_utils.py
 */
export function inverseFrequencies(rope: RopeSpec): Float64Array {
  return Float64Array.from({ length: rope.dims / 2 }, (_, i) => {
    const plain = rope.theta ** (-2 * i / rope.dims) / (rope.linearFactor ?? 1);
    return round(rope, rope.llama3 ? rescale(rope.llama3, plain) : plain);
  });
}

/** Divides frequencies of few turns in the original context by the factor, keeps those of many, blends between. */
function rescale(llama3: NonNullable<RopeSpec["llama3"]>, frequency: number): number {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = llama3;
  const turns = originalContext * frequency / (2 * Math.PI);
  const kept = Math.min(1, Math.max(0, (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor)));
  return frequency * ((1 - kept) / factor + kept);
}

function round({ roundedTo }: RopeSpec, frequency: number): number {
  if (!roundedTo) return frequency;
  if (roundedTo === "float16") return Math.f16round(frequency);
  const bits = new Uint32Array(Float32Array.of(frequency).buffer);
  bits[0] = bits[0] + 0x7fff + (bits[0] >>> 16 & 1) & 0xffff0000; // to the nearest even
  return new Float32Array(bits.buffer)[0];
}
