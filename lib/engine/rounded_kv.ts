/**
 * A KV cache of 8-bit codes, one step a channel, and how prompts run over it.
 *
 * Attention over codes is fast for one token a slot: there are fewer bytes to read. For a prompt's chunk it takes
 * twice as long as over floats. So a chunk runs over one slot of floats, which holds what the codes stand for, and
 * what it adds is rounded: into the codes of its slot, and in place. A prompt whose beginning was there thus
 * computes what it would have computed from the first token on.
 * @see https://github.com/microsoft/onnxruntime/blob/v1.30.0/docs/ContribOperators.md#com.microsoft.GroupQueryAttention
 */
import type { KvScales } from "../compress/variant.ts";
import type { KvCache } from "./kv_cache.ts";

type Arrays = Pick<KvCache, "arrays" | "shapes" | "range">;

/** Adding it to a smaller double leaves the nearest whole number, the even one of two. */
const ROUND = 1.5 * 2 ** 52;

export class RoundedKv {
  readonly #codes: Arrays;
  readonly #floats: Arrays;
  /** Of each array, the step of each channel [kvHeads * headDim]. */
  readonly #steps: Float32Array[];
  /** The slot that the floats are of, and how many of its positions. */
  #slot = 0;
  #held = 0;

  /**
   * @param codes int8, all slots
   * @param floats one slot
   */
  constructor(codes: Arrays, floats: Arrays, { key, value }: KvScales) {
    this.#codes = codes;
    this.#floats = floats;
    this.#steps = key.flatMap((steps, l) => [Float32Array.from(steps), Float32Array.from(value[l])]);
  }

  /**
   * Runs a chunk over the floats of its slot.
   * @param start positions that the slot holds
   */
  async chunk<T>(
    slot: number,
    start: number,
    length: number,
    run: (kv: BigUint64Array) => Promise<T>,
  ): Promise<T> {
    if (this.#slot !== slot) [this.#slot, this.#held] = [slot, 0];
    this.#widen(Math.min(this.#held, start), start);
    this.#held = start;
    const result = await run(this.#floats.range(0, 1));
    this.#round(start, start + length);
    this.#held = start + length;
    return result;
  }

  /** Is told that a slot's codes from a position on are others now. */
  changed(slot: number, from: number): void {
    if (slot === this.#slot) this.#held = Math.min(this.#held, from);
  }

  /** Brings positions [start, end) from codes to floats. */
  #widen(start: number, end: number): void {
    for (const { codes, floats, steps, codesAt, floatsAt } of this.#rows(start, end)) {
      const dim = steps.length;
      for (let p = start, i = codesAt, o = floatsAt; p < end; p++) {
        for (let c = 0; c < dim; c++) floats[o++] = codes[i++] * steps[c];
      }
    }
  }

  /** Rounds positions [start, end) of the floats, in place and to codes. */
  #round(start: number, end: number): void {
    for (const { codes, floats, steps, codesAt, floatsAt } of this.#rows(start, end)) {
      const dim = steps.length, inverse = Float64Array.from(steps, (step) => 1 / step);
      for (let p = start, i = codesAt, o = floatsAt; p < end; p++) {
        for (let c = 0; c < dim; c++, i++, o++) {
          const nearest = floats[o] * inverse[c] + ROUND - ROUND;
          const code = nearest > 127 ? 127 : nearest < -128 ? -128 : nearest;
          codes[i] = code;
          floats[o] = code * steps[c];
        }
      }
    }
  }

  /** Each head's part of each array, and where its position `start` lies. */
  *#rows(start: number, end: number): Generator<HeadRows> {
    if (start === end) return;
    for (const [i, [heads, context, dim]] of this.#codes.shapes.entries()) {
      const codes = this.#codes.arrays[i] as Int8Array, floats = this.#floats.arrays[i] as Float32Array;
      for (let head = 0; head < heads; head++) {
        const steps = this.#steps[i].subarray(head * dim, (head + 1) * dim);
        const floatsAt = (head * context + start) * dim;
        yield { codes, floats, steps, codesAt: this.#slot * heads * context * dim + floatsAt, floatsAt };
      }
    }
  }
}

interface HeadRows {
  codes: Int8Array;
  floats: Float32Array;
  /** [headDim] */
  steps: Float32Array;
  codesAt: number;
  floatsAt: number;
}

/**
 * Steps in which codes reach a quarter beyond the largest magnitude that each channel had: larger values are cut
 * off, which costs more than coarser steps do.
 * @param floats whose slot 0 holds that many positions
 */
export function kvScalesOf(floats: Arrays, positions: number): KvScales {
  const largest = floats.shapes.map(([heads, context, dim], i) => {
    const data = floats.arrays[i] as Float32Array, most = new Array<number>(heads * dim).fill(1e-6);
    for (let head = 0; head < heads; head++) {
      for (let p = 0, at = head * context * dim; p < positions; p++) {
        for (let c = head * dim; c < (head + 1) * dim; c++, at++) {
          most[c] = Math.max(most[c], Math.abs(data[at]));
        }
      }
    }
    return most.map((m) => Math.fround(MARGIN * m / 127));
  });
  return {
    key: largest.filter((_, i) => i % 2 === 0),
    value: largest.filter((_, i) => i % 2 === 1),
  };
}

const MARGIN = 1.25;
