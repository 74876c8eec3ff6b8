import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { mean } from "../math/mod.ts";
import {
  arrivalCv,
  type Arrivals,
  burst,
  constant,
  gamma,
  planArrivals,
  poisson,
  ramp,
  replay,
  steps,
} from "./arrivals.ts";

const first = (arrivals: Arrivals, numRequests: number) => [...planArrivals(arrivals, { numRequests })];
const gapsOf = (plan: readonly number[]) => plan.slice(1).map((at, i) => at - plan[i]);
const near = (actual: number | null, expected: number, tolerance: number) =>
  assert.ok(actual !== null && Math.abs(actual - expected) <= tolerance, `${actual}, not ${expected}`);

Deno.test("constant() spaces requests evenly, far into the run too", () => {
  assert.deepEqual(first(constant(4), 4), [0, 250, 500, 750]);
  assert.equal(first(constant(3), 30_001).at(-1), 10_000_000);
  assert.deepEqual(first(constant(0.1), 3), [0, 10_000, 20_000]);
  assert.equal(arrivalCv(first(constant(7), 1000))! < 1e-9, true);
});

Deno.test("poisson() and gamma() have the mean 1 / rate and the coefficient of variation 1 / sqrt(shape)", () => {
  const n = 40_000;
  for (const seed of [1, 2, 3]) {
    for (const shape of [0.1, 0.25, 1, 2.5, 16]) {
      const plan = first(shape === 1 ? poisson(20, seed) : gamma(20, shape, seed), n), gaps = gapsOf(plan);
      const cv = 1 / Math.sqrt(shape);
      // Five standard errors; that of the variation from the gamma's kurtosis, 3 + 6 / shape.
      near(mean(gaps), 50, 5 * 50 * cv / Math.sqrt(n));
      near(arrivalCv(plan), cv, 5 * cv * Math.sqrt((2 + 6 / shape) / 4 / n + cv * cv / n));
    }
  }
});

Deno.test("poisson() waits memorylessly: a share of exp(-1) of the gaps passes the mean, of exp(-3) three times it", () => {
  const gaps = gapsOf(first(poisson(1, 9), 100_001));
  for (const times of [1, 3]) {
    const share = gaps.filter((gap) => gap > times * 1000).length / gaps.length, p = Math.exp(-times);
    near(share, p, 5 * Math.sqrt(p * (1 - p) / gaps.length));
  }
});

Deno.test("random arrivals are decided by their seed alone, and the same each time they are iterated", () => {
  const arrivals = gamma(3, 0.5, 7);
  assert.deepEqual(first(arrivals, 50), first(arrivals, 50));
  assert.deepEqual(first(gamma(3, 0.5, 7), 50), first(arrivals, 50));
  assert.notDeepEqual(first(gamma(3, 0.5, 8), 50), first(arrivals, 50));
  // The same draws at another rate: a search over rates compares like with like.
  const [slow, fast] = [first(poisson(1, 5), 30), first(poisson(4, 5), 30)];
  slow.forEach((at, i) => near(at, 4 * fast[i], 1e-6));
});

Deno.test("ramp() follows the integral of its rate, up, down, from and to 0", () => {
  // From 0 to 10 a second over 10 s: 50 requests, the k-th where t² / 2 = k.
  const up = [...planArrivals(ramp(0, 10, 10_000), {})];
  assert.equal(up.length, 50);
  up.forEach((at, k) => near(at, 1000 * Math.sqrt(2 * k), 1e-6));
  const down = [...planArrivals(ramp(10, 0, 10_000), {})];
  assert.equal(down.length, 50);
  down.forEach((at, k) => near(at, 10_000 - 1000 * Math.sqrt(100 - 2 * k), 1e-6));
  const flat = [...planArrivals(ramp(5, 5, 2000), {})];
  assert.deepEqual(flat, first(constant(5), 10));
});

Deno.test("ramp() with a shape draws random arrivals whose counts follow the rate", () => {
  const plan = [...planArrivals(ramp(0, 200, 100_000, { shape: 1, seed: 4 }), {})];
  near(plan.length, 10_000, 5 * 100);
  const half = plan.filter((at) => at < 50_000).length;
  near(half, 2500, 5 * 50);
});

Deno.test("steps() changes the rate at its instants; a rate of 0 is a pause", () => {
  const plan = [
    ...planArrivals(
      steps([{ rate: 2, durationMs: 2000 }, { rate: 0, durationMs: 3000 }, { rate: 4, durationMs: 1000 }]),
      {},
    ),
  ];
  assert.deepEqual(plan, [0, 500, 1000, 1500, 5000, 5250, 5500, 5750]);
});

Deno.test("steps() carries a gap that has begun into the next step, as work left to do", () => {
  // 1.5 requests in the first step: the third is half a gap into the second.
  const plan = [...planArrivals(steps([{ rate: 1, durationMs: 1500 }, { rate: 2, durationMs: 1000 }]), {})];
  assert.deepEqual(plan, [0, 1000, 1750, 2250]);
});

Deno.test("burst() sends its size at once, again and again", () => {
  assert.deepEqual([...planArrivals(burst(3, 1000), { durationMs: 2500 })], [
    ...[0, 0, 0],
    ...[1000, 1000, 1000],
    ...[2000, 2000, 2000],
  ]);
});

Deno.test("replay() keeps a trace's gaps, scaled in time or to a rate", () => {
  const trace = [5000, 5100, 5400, 6000].map((atMs) => ({ atMs, inputTokens: 1, outputTokens: 1 }));
  assert.deepEqual([...planArrivals(replay(trace), {})], [0, 100, 400, 1000]);
  assert.deepEqual([...planArrivals(replay(trace, { timeScale: 2 }), {})], [0, 200, 800, 2000]);
  const scaled = [...planArrivals(replay(trace, { rate: 30 }), {})]; // 3 gaps in 100 ms
  [0, 10, 40, 100].forEach((at, i) => near(scaled[i], at, 1e-9));
  const cv = arrivalCv([0, 100, 400, 1000])!;
  near(arrivalCv(scaled), cv, 1e-9);
  assert.deepEqual([...planArrivals(replay(trace.slice(0, 1), { rate: 3 }), {})], [0]);
});

Deno.test("planArrivals() ends by count or by time, whichever comes first", () => {
  assert.deepEqual([...planArrivals(constant(1), { numRequests: 5, durationMs: 2500 })], [0, 1000, 2000]);
  assert.deepEqual([...planArrivals(constant(1), { numRequests: 2, durationMs: 2500 })], [0, 1000]);
  assert.deepEqual([...planArrivals(constant(1), { durationMs: 2000 })], [0, 1000]);
});

Deno.test("arrivalCv() is null where there are too few gaps, or none but 0", () => {
  assert.equal(arrivalCv([0, 1]), null);
  assert.equal(arrivalCv([3, 3, 3]), null);
  near(arrivalCv([0, 1, 4]), Math.SQRT1_2, 1e-12); // gaps 1 and 3: std sqrt(2), mean 2
});

Deno.test("bad arrivals are one line that says what is wrong", () => {
  const bad: [() => unknown, RegExp][] = [
    [() => constant(0), /rate must be a number above 0: it is 0/],
    [() => poisson(-1, 0), /rate must be/],
    [() => poisson(NaN, 0), /rate must be/],
    [() => gamma(1, 0, 0), /shape must be/],
    [() => ramp(-1, 2, 1000), /rate must be a number of at least 0: it is -1/],
    [() => ramp(1, 2, 0), /duration must be/],
    [() => burst(1.5, 1000), /size must be a whole number/],
    [() => burst(2, 0), /everyMs must be/],
    [() => replay([]), /must hold a request/],
    [() => replay([{ atMs: 0, inputTokens: 1, outputTokens: 1 }], { rate: 0 }), /rate must be/],
    [() => planArrivals(constant(1), {}), /a number of requests or a duration must end them/],
    [() => planArrivals(constant(1), { numRequests: 0 }), /there must be one before the level ends/],
    [() => planArrivals([3, 2], {}), /instants must ascend from 0: request 1 is due at 2 ms/],
    [() => planArrivals([-1], {}), /request 0 is due at -1 ms/],
    [() => planArrivals(ramp(0, 0, 100), {}), /there must be one/],
  ];
  for (const [act, message] of bad) {
    assert.throws(act, (e) => e instanceof BadInput && message.test(e.message), String(message));
  }
});
