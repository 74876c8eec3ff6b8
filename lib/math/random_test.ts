import assert from "node:assert/strict";
import { createRandom, sample, shuffle, splitmix64, xoshiro128 } from "./random.ts";

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

Deno.test("xoshiro128() gives the words that the Rust crate rand_xoshiro tests itself with", () => {
  const next = xoshiro128([1, 2, 3, 4]);
  assert.deepEqual(range(10).map(next), [
    11520,
    0,
    5927040,
    70819200,
    2031721883,
    1637235492,
    1287239034,
    3734860849,
    3729100597,
    4258142804,
  ]);
});

Deno.test("splitmix64() gives the words that the Rust crate rand_xoshiro tests itself with", () => {
  const words = splitmix64(1477776061723855037n);
  assert.deepEqual(range(4).map(() => words.next().value), [
    1985237415132408290n,
    2979275885539914483n,
    13511426838097143398n,
    8488337342461049707n,
  ]);
});

Deno.test("createRandom() gives the same numbers for a seed, others for another", () => {
  const draw = (seed: number) => {
    const random = createRandom(seed);
    return range(5).map(() => random.uint32());
  };
  assert.deepEqual(draw(42), draw(42));
  assert.equal(createRandom(42).int(6), 4);
  assert.notDeepEqual(draw(42), draw(43));
  assert.notDeepEqual(draw(0), draw(-1));
  assert.throws(() => createRandom(0.5), RangeError);
});

Deno.test("float() and int() are uniform", () => {
  const random = createRandom(1);
  const counts = new Array(10).fill(0), dice = new Array(6).fill(0);
  for (let i = 0; i < 60_000; i++) {
    const x = random.float();
    assert.ok(x >= 0 && x < 1);
    counts[Math.floor(x * 10)]++;
    dice[random.int(6)]++;
  }
  // chi-squared, 99.9% points at 9 and 5 degrees of freedom
  const chi = (c: number[], e: number) => c.reduce((s, x) => s + (x - e) ** 2 / e, 0);
  assert.ok(chi(counts, 6000) < 27.9);
  assert.ok(chi(dice, 10_000) < 20.5);
  assert.throws(() => random.int(0), RangeError);
  assert.ok(random.int(2 ** 32) >= 0);
});

Deno.test("shuffle() is a permutation with every order as likely; the input stays", () => {
  const random = createRandom(7), input = [0, 1, 2];
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffle(input, random).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.deepEqual(input, [0, 1, 2]);
  assert.deepEqual([...counts.keys()].sort(), ["012", "021", "102", "120", "201", "210"]);
  assert.ok([...counts.values()].every((c) => Math.abs(c - 1000) < 130));
});

Deno.test("sample() draws without replacement, as the head of a shuffle", () => {
  const drawn = sample(range(100), 10, createRandom(3));
  assert.equal(new Set(drawn).size, 10);
  assert.deepEqual(drawn, shuffle(range(100), createRandom(3)).slice(0, 10));
  assert.deepEqual(shuffle([], createRandom(3)), []);
  assert.throws(() => sample([1], 2, createRandom(3)), RangeError);
});
