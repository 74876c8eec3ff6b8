import assert from "node:assert/strict";
import { PythonRandom } from "./python_random.ts";

const times = <T>(n: number, act: () => T) => Array.from({ length: n }, act);

// Every figure here is what CPython 3.11.7 prints.
Deno.test("bits() are those of random.Random(seed).getrandbits(32)", () => {
  const words = {
    "0": [3626764237, 1654615998, 3255389356, 3823568514],
    "1234": [4150886329, 3342196574, 1892932127, 501869158],
    "-7": [1390851128, 4071050724, 647892279, 1695753998],
    "4294967296": [485306839, 1508871100, 1794561286, 4014597330],
    "9007199254740991": [404802386, 2407860725, 957238923, 3232321614],
  };
  for (const [seed, expected] of Object.entries(words)) {
    const random = new PythonRandom(Number(seed));
    assert.deepEqual(times(4, () => random.bits(32)), expected, `seed ${seed}`);
  }
  assert.throws(() => new PythonRandom(2 ** 53), RangeError);
});

Deno.test("bits() goes on over the end of the state", () => {
  const random = new PythonRandom(5);
  assert.equal(times(2000, () => random.bits(32)).reduce((a, b) => a + b), 4215985976020);
});

Deno.test("below() is randrange()", () => {
  const random = new PythonRandom(9);
  const drawn = [1, 2, 3, 2 ** 31, 2 ** 32 - 1, 1000].map((bound) => random.below(bound));
  assert.deepEqual(drawn, [0, 1, 1, 595022250, 799486471, 887]);
});

Deno.test("sampleIndices() is sample(), one draw after the other", () => {
  const random = new PythonRandom(1234);
  const draws = times(1319, () => random.sampleIndices(7473, 5));
  assert.deepEqual(draws.slice(0, 3), [
    [6374, 3610, 957, 61, 742],
    [7462, 6610, 4769, 286, 5501],
    [5677, 687, 806, 6279, 2905],
  ]);
  assert.deepEqual(draws[1318], [220, 4179, 6064, 5599, 5541]);
});

Deno.test("sampleIndices() draws from small and large ranges as Python does", () => {
  const random = new PythonRandom(3);
  const sizes: [number, number][] = [[5, 5], [21, 4], [22, 4], [85, 6], [86, 6], [10, 0], [1, 1]];
  assert.deepEqual(sizes.map(([size, count]) => random.sampleIndices(size, count)), [
    [1, 4, 3, 2, 0],
    [19, 0, 15, 8],
    [17, 7, 6, 15],
    [69, 70, 60, 50, 19, 29],
    [81, 19, 66, 49, 1, 85],
    [],
    [0],
  ]);
  assert.throws(() => random.sampleIndices(4, 5), RangeError);
});
