import assert from "node:assert/strict";
import { createRandom } from "../math/random.ts";
import type { SamplingOptions } from "../types/mod.ts";
import { argmax, checkSampling, createSampler, logSumExp, topLogprobs } from "./sampling.ts";

/** float32 logits whose softmax is `probabilities`. */
const logitsOf = (probabilities: number[]) => Float32Array.from(probabilities, (p) => Math.log(p) + 3);

/** Share of each token over many draws. */
function shares(logits: Float32Array, options: Omit<SamplingOptions, "maxTokens">, draws = 20_000): number[] {
  const sample = createSampler({ maxTokens: 1, seed: 1, ...options });
  const counts = Array(logits.length).fill(0);
  for (let i = 0; i < draws; i++) counts[sample(logits)]++;
  return counts.map((c) => c / draws);
}

function assertNear(actual: number[], wanted: number[]): void {
  actual.forEach((share, i) => {
    if (wanted[i] === 0) assert.equal(share, 0, `${actual}`);
    else assert.ok(Math.abs(share - wanted[i]) < 0.015, `${actual} is not ${wanted}`);
  });
}

Deno.test("createSampler() is greedy at temperature 0, the first of equal logits", () => {
  const sample = createSampler({ maxTokens: 1 });
  assert.equal(sample(Float32Array.of(1, 5, -Infinity, 5)), 1);
});

Deno.test("argmax() refuses logits that are not finite", () => {
  assert.throws(() => argmax(new Float32Array(4).fill(NaN)), /logits must be finite: the first is NaN/);
  assert.throws(() => argmax(Float32Array.of(1, Infinity)), RangeError);
});

Deno.test("createSampler() draws in proportion to the probabilities, flatter with a higher temperature", () => {
  const logits = logitsOf([0.5, 0.3, 0.15, 0.05]);
  assertNear(shares(logits, { temperature: 1 }), [0.5, 0.3, 0.15, 0.05]);
  const flat = [0.5, 0.3, 0.15, 0.05].map(Math.sqrt);
  const sum = flat.reduce((a, b) => a + b);
  assertNear(shares(logits, { temperature: 2 }), flat.map((p) => p / sum));
});

Deno.test("createSampler() draws from the k likeliest, then from the fewest that reach topP", () => {
  const logits = logitsOf([0.05, 0.3, 0.5, 0.15]);
  assertNear(shares(logits, { temperature: 1, topK: 2 }), [0, 0.3 / 0.8, 0.5 / 0.8, 0]);
  assertNear(shares(logits, { temperature: 1, topP: 0.79 }), [0, 0.3 / 0.8, 0.5 / 0.8, 0]);
  assertNear(shares(logits, { temperature: 1, topP: 0.81 }), [0, 0.3 / 0.95, 0.5 / 0.95, 0.15 / 0.95]);
  assertNear(shares(logits, { temperature: 1, topK: 2, topP: 0.6 }), [0, 0, 1, 0]);
  assertNear(shares(logits, { temperature: 1, topK: 99 }), [0.05, 0.3, 0.5, 0.15]);
});

Deno.test("createSampler() finds the nucleus where it reaches far into the tail", () => {
  // one likely token, 4,096 that share half of the mass: topP 0.75 holds half of them
  const logits = logitsOf([0.5, ...Array(4096).fill(0.5 / 4096)]);
  const drawn = new Set<number>();
  const sample = createSampler({ maxTokens: 1, seed: 3, temperature: 1, topP: 0.75 });
  for (let i = 0; i < 6_000; i++) drawn.add(sample(logits));
  assert.ok(Math.max(...drawn) <= 2049 && drawn.size > 1000, `${drawn.size}, up to ${Math.max(...drawn)}`);
});

Deno.test("createSampler() repeats itself under the same seed alone", () => {
  const random = createRandom(9);
  const rows = Array.from({ length: 30 }, () => Float32Array.from({ length: 50 }, () => 4 * random.float()));
  const draw = (seed: number) => {
    const sample = createSampler({ maxTokens: 1, temperature: 1, seed });
    return rows.map(sample);
  };
  assert.deepEqual(draw(4), draw(4));
  assert.notDeepEqual(draw(4), draw(5));
});

Deno.test("logSumExp() and topLogprobs() give log-probabilities, far from overflow", () => {
  const logits = Float32Array.of(1000, 1001, 999, 1001);
  const total = Math.log(1 + 2 * Math.E + Math.exp(-1));
  assert.ok(Math.abs(logSumExp(logits) - 1000 - total) < 1e-12);
  const top = topLogprobs(logits, 3);
  assert.deepEqual(top.map(([id]) => id), [1, 3, 0]);
  assert.ok(Math.abs(top[2][1] + total) < 1e-9);
  assert.deepEqual(topLogprobs(logits, 0), []);
  assert.equal(topLogprobs(logits, 9).length, 4);
});

for (
  const bad of [
    { maxTokens: 0 },
    { temperature: -1 },
    { temperature: NaN },
    { topP: 0 },
    { topP: 1.1 },
    {
      topK: 0.5,
    },
    { seed: 0.5 },
    { stop: [""] },
    { logprobs: -1 },
    { promptLogprobs: 0.5 },
    { minTokens: -1 },
  ]
) {
  Deno.test(`checkSampling() refuses ${JSON.stringify(bad)}`, () => {
    const [name] = Object.keys(bad);
    assert.throws(
      () => checkSampling({ maxTokens: 1, ...bad }),
      new RegExp(`^RangeError: .* ${name} must be`),
    );
  });
}
