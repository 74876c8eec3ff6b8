/** Cosine and sine tables of rotary positions. */
import type { RopeSpec } from "../checkpoint/model_spec.ts";
import { inverseFrequencies } from "../checkpoint/rope.ts";

/** @returns cos and sin, float32 [positions, dims / 2] */
export function ropeTables(rope: RopeSpec, positions: number): { cos: Float32Array; sin: Float32Array } {
  const frequencies = inverseFrequencies(rope);
  const half = frequencies.length;
  const cos = new Float32Array(positions * half), sin = new Float32Array(positions * half);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(Math.fround(frequencies[i]) * p); // as transformers: float32 angles
      cos[p * half + i] = Math.cos(angle);
      sin[p * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
