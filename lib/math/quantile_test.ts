import assert from "node:assert/strict";
import { binomialProbabilities } from "./binomial.ts";
import { median, quantile, quantileInterval, quantileRanks, quantileSorted, sorted } from "./quantile.ts";
import { createRandom } from "./random.ts";

const near = (a: number | null, b: number, eps = 1e-12) =>
  assert.ok(a !== null && Math.abs(a - b) <= eps, `${a} is not near ${b}`);

Deno.test("quantile() interpolates as NumPy does by default", () => {
  // numpy.percentile([15, 20, 35, 40, 50], [0, 5, 30, 40, 99, 100])
  const values = [50, 15, 40, 20, 35];
  for (const [p, q] of [[0, 15], [0.05, 16], [0.3, 23], [0.4, 29], [0.99, 49.6], [1, 50]]) {
    near(quantile(values, p), q);
  }
  assert.deepEqual(values, [50, 15, 40, 20, 35]);
  assert.equal(median([3]), 3);
  assert.equal(median([1, 2]), 1.5);
  assert.equal(median([]), null);
});

Deno.test("quantileSorted() never leaves the range of the values", () => {
  assert.equal(quantileSorted(Float64Array.of(2, 2), 0.99), 2);
  assert.equal(quantileSorted(sorted([1e-300, 1e300]), 1), 1e300);
});

Deno.test("binomialProbabilities() agrees with the formula, and sums to 1 for a million", () => {
  const { from, probabilities } = binomialProbabilities(4, 0.3);
  assert.equal(from, 0);
  [0.2401, 0.4116, 0.2646, 0.0756, 0.0081].forEach((p, k) => near(probabilities[k], p));
  const big = binomialProbabilities(1_000_000, 0.99);
  near(big.probabilities.reduce((a, b) => a + b), 1, 1e-9);
  near(big.probabilities.reduce((m, p, i) => m + p * (big.from + i), 0), 990_000, 1e-3);
  assert.deepEqual(binomialProbabilities(5, 1), { from: 5, probabilities: Float64Array.of(1) });
});

Deno.test("quantileRanks() bounds a p99 from above from 367 values on, a median from 6", () => {
  assert.equal(quantileRanks(366, 0.99)[1], 367);
  assert.equal(quantileRanks(367, 0.99)[1], 367);
  assert.deepEqual([70, 71, 72, 73].map((n) => quantileRanks(n, 0.95)[1] <= n), [false, false, true, true]);
  assert.deepEqual(quantileRanks(5, 0.5), [0, 6]);
  assert.deepEqual(quantileRanks(6, 0.5), [1, 6]);
  assert.deepEqual(quantileRanks(1, 0.99), [1, 2]);
  // tables of the sign test: ranks 6 and 15 for the median of 20
  assert.deepEqual(quantileRanks(20, 0.5), [6, 15]);
});

Deno.test("quantileRanks() misses at most 2.5% in each tail for every size, and narrower ranks miss more", () => {
  for (const p of [0.5, 0.75, 0.9, 0.95, 0.99]) {
    for (let n = 1; n <= 1500; n += n < 400 ? 1 : 37) {
      const [low, high] = quantileRanks(n, p);
      const { from, probabilities } = binomialProbabilities(n, p);
      const between = (a: number, b: number) =>
        probabilities.reduce((s, q, i) => from + i >= a && from + i < b ? s + q : s, 0);
      assert.ok(between(0, low) <= 0.02505 && between(high, n + 1) <= 0.02505);
      assert.ok(between(0, low + 1) > 0.02505 && between(high - 1, n + 1) > 0.02505);
      assert.ok(between(low, high) >= 0.9499, `n=${n} p=${p}: ${between(low, high)}`);
    }
  }
});

Deno.test("quantileInterval() covers the true p90 of a skewed distribution at its nominal rate", () => {
  const random = createRandom(11);
  const truth = -Math.log(0.1);
  let covered = 0;
  for (let trial = 0; trial < 1000; trial++) {
    const values = sorted(Array.from({ length: 200 }, () => -Math.log(1 - random.float())));
    const { lower, upper } = quantileInterval(values, 0.9);
    if (lower! <= truth && truth <= upper!) covered++;
  }
  assert.ok(covered >= 930, `${covered} of 1000`);
  assert.deepEqual(quantileInterval([], 0.5), { lower: null, upper: null });
});
