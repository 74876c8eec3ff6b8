import assert from "node:assert/strict";
import { correlation, differenceInterval } from "./difference.ts";
import { quantileInterval, quantileSorted, sorted } from "./quantile.ts";
import { createRandom } from "./random.ts";
import { wilson } from "./stats.ts";

Deno.test("differenceInterval() combines both intervals side by side, as Newcombe's method 10 does", () => {
  // Newcombe 1998, table II, case (a): 56/70 - 48/80, from Wilson's intervals
  const share = (count: number, total: number) => {
    const [lower, upper] = wilson(count, total)!;
    return { value: count / total, lower, upper };
  };
  const p = share(56, 70), q = share(48, 80);
  const { lower, upper } = differenceInterval(q, p);
  assert.ok(Math.abs(lower! - 0.0524) < 5e-5 && Math.abs(upper! - 0.3339) < 5e-5, `${lower}, ${upper}`);
});

Deno.test("differenceInterval() is narrower where what is compared goes together, and open where a bound is", () => {
  const a = { value: 10, lower: 8, upper: 12 }, b = { value: 11, lower: 9, upper: 13 };
  assert.deepEqual(differenceInterval(a, b), { lower: 1 - Math.sqrt(8), upper: 1 + Math.sqrt(8) });
  assert.deepEqual(differenceInterval(a, b, 0.5), { lower: -1, upper: 3 });
  assert.deepEqual(differenceInterval(a, b, 1), { lower: 1, upper: 1 });
  assert.deepEqual(differenceInterval({ ...a, upper: null }, b), { lower: null, upper: 1 + Math.sqrt(8) });
});

Deno.test("differenceInterval() of quantiles covers the truth, for pairs and for independent samples", () => {
  const random = createRandom(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
  for (const together of [0, 0.9]) {
    const runs = 200, n = 100, p = 0.9;
    let covered = 0;
    for (let run = 0; run < runs; run++) {
      const pairs = Array.from({ length: n }, () => {
        const x = normal(), y = together * x + Math.sqrt(1 - together ** 2) * normal();
        return [Math.exp(x), Math.exp(y)]; // latencies: skewed; both have the same quantile
      });
      const [a, b] = [0, 1].map((i) => {
        const values = sorted(pairs.map((pair) => pair[i]));
        return { value: quantileSorted(values, p)!, ...quantileInterval(values, p) };
      });
      const below = (i: number, q: number) => pairs.map((pair) => Number(pair[i] <= q));
      const { lower, upper } = differenceInterval(a, b, correlation(below(0, a.value), below(1, b.value)));
      if ((lower ?? -Infinity) <= 0 && (upper ?? Infinity) >= 0) covered++;
    }
    assert.ok(covered >= 0.93 * runs, `${covered} of ${runs} at ${together}`);
  }
});

Deno.test("correlation() is Pearson's, and 0 where nothing varies", () => {
  assert.ok(Math.abs(correlation([1, 2, 3, 4], [2, 4, 6, 8]) - 1) < 1e-12);
  assert.ok(Math.abs(correlation([1, 2, 3, 4], [1, -1, -1, 1])) < 1e-12);
  assert.ok(Math.abs(correlation([1, 2, 3], [3, 1, 2]) + 0.5) < 1e-12);
  assert.equal(correlation([1, 1], [1, 2]), 0);
  assert.equal(correlation([], []), 0);
});
