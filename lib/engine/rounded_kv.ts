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

/** How much further than the largest magnitude that was seen codes reach. */
const MARGIN = 1.25;

/** One head's part of the keys or the values of one layer. */
interface Head {
  codes: Int8Array;
  floats: Float32Array;
  /** Of each channel [headDim], and its inverse. */
  steps: Float32Array;
  inverses: Float64Array;
  /** Codes of a slot, of all heads. */
  slotSize: number;
  /** Where the head begins within a slot. */
  offset: number;
}

export class RoundedKv {
  /** The tensors over the slot of floats. */
  readonly #one: BigUint64Array;
  readonly #heads: Head[];
  /** The slot that the floats are of, and how many of its positions. */
  #slot = 0;
  #held = 0;

  /**
   * @param codes int8, all slots
   * @param floats one slot
   */
  constructor(codes: Arrays, floats: Arrays, { key, value }: KvScales) {
    const steps = key.flatMap((keySteps, l) => [keySteps, value[l]]);
    this.#one = floats.range(0, 1);
    this.#heads = codes.shapes.flatMap(([heads, context, dim], i) =>
      Array.from({ length: heads }, (_, head) => {
        const own = Float32Array.from(steps[i].slice(head * dim, (head + 1) * dim));
        return {
          codes: codes.arrays[i] as Int8Array,
          floats: floats.arrays[i] as Float32Array,
          steps: own,
          inverses: Float64Array.from(own, (step) => 1 / step),
          slotSize: heads * context * dim,
          offset: head * context * dim,
        };
      })
    );
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
    const result = await run(this.#one);
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
    for (const { codes, floats, steps, slotSize, offset } of this.#heads) {
      const dim = steps.length;
      let o = offset + start * dim, i = this.#slot * slotSize + o;
      for (let p = start; p < end; p++) {
        for (let c = 0; c < dim; c++) floats[o++] = codes[i++] * steps[c];
      }
    }
  }

  /** Rounds positions [start, end) of the floats, in place and to codes. */
  #round(start: number, end: number): void {
    for (const { codes, floats, steps, inverses, slotSize, offset } of this.#heads) {
      const dim = steps.length;
      let o = offset + start * dim, i = this.#slot * slotSize + o;
      for (let p = start; p < end; p++) {
        for (let c = 0; c < dim; c++, i++, o++) {
          const nearest = floats[o] * inverses[c] + ROUND - ROUND;
          const code = nearest > 127 ? 127 : nearest < -128 ? -128 : nearest;
          codes[i] = code;
          floats[o] = code * steps[c];
        }
      }
    }
  }
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
