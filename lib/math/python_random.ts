/**
 * The random numbers of CPython's `random.Random`: what it draws from a seed is drawn here too, so that a program
 * that shuffles or samples in Python can be reproduced.
 *
 * `new PythonRandom(1234).sampleIndices(7473, 5)` is `random.Random(1234).sample(range(7473), 5)`.
 * @see https://github.com/python/cpython/blob/v3.11.7/Modules/_randommodule.c (MT19937, `init_by_array`)
 * @see https://github.com/python/cpython/blob/v3.11.7/Lib/random.py (`_randbelow_with_getrandbits`, `sample`)
 */

/** Words of state, and the distance of the word that each is mixed with. */
const N = 624, M = 397;

export class PythonRandom {
  readonly #state = new Uint32Array(N);
  #next = N;

  /**
   * @param seed a whole number; its sign does not count, as in Python
   * @throws {RangeError} where the seed is not a safe integer.
   */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) {
      throw new RangeError(
        `Cannot seed random numbers as the seed must be a whole number below 2^53: it is ${seed}`,
      );
    }
    const size = Math.abs(seed), high = Math.floor(size / 2 ** 32);
    this.#seed(high === 0 ? [size] : [size >>> 0, high]);
  }

  /** `init_by_array`. */
  #seed(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    let i = 1, j = 0;
    const mixed = (factor: number) => state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), factor);
    const step = () => {
      if (++i < N) return;
      state[0] = state[N - 1];
      i = 1;
    };
    for (let k = Math.max(N, key.length); k > 0; k--) {
      state[i] = mixed(1664525) + key[j] + j;
      step();
      j = (j + 1) % key.length;
    }
    for (let k = N - 1; k > 0; k--) {
      state[i] = mixed(1566083941) - i;
      step();
    }
    state[0] = 0x80000000;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }

  /**
   * `getrandbits(k)`.
   * @param k 1 to 32
   */
  bits(k: number): number {
    if (this.#next === N) this.#refill();
    let y = this.#state[this.#next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> (32 - k);
  }

  /** `randrange(bound)`: a whole number from [0, bound), bound from 1 to 2^32 - 1. */
  below(bound: number): number {
    const k = 32 - Math.clz32(bound);
    for (;;) {
      const drawn = this.bits(k);
      if (drawn < bound) return drawn;
    }
  }

  /**
   * `sample(range(size), count)`: indices of a draw without replacement, in the order of the draw.
   * @throws {RangeError} where there are fewer than `count`, or 2^32 and more.
   */
  sampleIndices(size: number, count: number): number[] {
    if (!(Number.isInteger(count) && count >= 0 && count <= size && size < 2 ** 32)) {
      throw new RangeError(
        `Cannot sample ${count} items as it must be a whole number up to their count: there are ${size}`,
      );
    }
    // Python takes a list where it is smaller than a set of the draws, and draws differently from it.
    const setSize = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
    if (size <= setSize) {
      const pool = Array.from({ length: size }, (_, i) => i);
      return Array.from({ length: count }, (_, i) => {
        const at = this.below(size - i), drawn = pool[at];
        pool[at] = pool[size - i - 1];
        return drawn;
      });
    }
    const drawn = new Set<number>();
    while (drawn.size < count) drawn.add(this.below(size));
    return [...drawn];
  }
}
