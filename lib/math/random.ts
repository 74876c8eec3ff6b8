/**
 * Seeded random numbers, the same on every machine: xoshiro128** 1.1, its state filled by splitmix64.
 *
 * `createRandom(42).int(6)` is 4 everywhere and for ever; a change of algorithm would change every split and
 * every order of requests.
 * @see https://prng.di.unimi.it/xoshiro128starstar.c and https://prng.di.unimi.it/splitmix64.c
 */

export interface Random {
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number;
  /** A number from [0, 1) with 53 random bits. */
  float(): number;
  /**
   * A whole number from [0, bound), without modulo bias.
   * @throws {RangeError} where bound is not a whole number from 1 to 2^32.
   */
  int(bound: number): number;
}

const rotateLeft = (x: number, k: number) => (x << k) | (x >>> (32 - k));

/** Gives the words of splitmix64 from a seed on. */
export function* splitmix64(seed: bigint): Generator<bigint, never> {
  const wrap = (x: bigint) => BigInt.asUintN(64, x);
  for (let state = wrap(seed);;) {
    state = wrap(state + 0x9e3779b97f4a7c15n);
    let z = wrap((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    yield z ^ (z >> 31n);
  }
}

/** Gives the words of xoshiro128** from a state of four 32-bit words, not all 0. */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return result;
  };
}

/**
 * Makes a generator of random numbers.
 * @param seed any whole number within 2^53, negative ones included
 * @throws {RangeError} where the seed is not a safe integer.
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(
      `Cannot seed random numbers as the seed must be a whole number below 2^53: it is ${seed}`,
    );
  }
  const words = splitmix64(BigInt(seed));
  const [x, y] = [words.next().value, words.next().value];
  const half = (word: bigint) => Number(word & 0xffffffffn) | 0;
  const uint32 = xoshiro128([half(x), half(x >> 32n), half(y), half(y >> 32n)]);
  return {
    uint32,
    float: () => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53,
    int(bound) {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
        throw new RangeError(
          `Cannot draw a random integer as the bound must be a whole number from 1 to 2^32: it is ${bound}`,
        );
      }
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const word = uint32();
        if (word < limit) return word % bound;
      }
    },
  };
}

/** Gives the items in a random order (Fisher-Yates); the input stays as it is. */
export function shuffle<T>(items: readonly T[], random: Random): T[] {
  return sample(items, items.length, random);
}

/**
 * Draws items without replacement, in random order; the first k of a shuffle under the same seed.
 * @throws {RangeError} where there are fewer than `count` items.
 */
export function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  if (!Number.isInteger(count) || count < 0 || count > items.length) {
    throw new RangeError(
      `Cannot sample ${count} items as it must be a whole number up to their count: there are ${items.length}`,
    );
  }
  const pool = items.slice();
  for (let i = 0; i < Math.min(count, pool.length - 1); i++) {
    const j = i + random.int(pool.length - i);
    [pool[i], pool[j]] = [pool[j], pool[i]];
  }
  return pool.slice(0, count);
}
