import assert from "node:assert/strict";
import { compareRows, compareRunners } from "./divergence.ts";
import type { StepRunner } from "./runner.ts";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual}, not ${expected}`);

/** Logits of distributions, shifted by any number. */
const logits = (shift: number, ...p: number[]) => Float32Array.from(p, (x) => Math.log(x) + shift);

Deno.test("compareRows() gives KL and the normalisers, whatever is added to the logits", () => {
  const p = [0.5, 0.25, 0.25], q = [0.25, 0.25, 0.5];
  const { kl, sameTop, logTotalP, logTotalQ } = compareRows(logits(7, ...p), logits(-9, ...q));
  near(kl, 0.25 * Math.LN2);
  assert.equal(sameTop, false);
  near(logTotalP, 7);
  near(logTotalQ, -9);
  assert.equal(compareRows(logits(0, ...p), logits(0, ...p)).kl, 0);
  assert.ok(compareRows(logits(0, 0.6, 0.4), logits(3, 0.7, 0.3)).sameTop);
});

/** A model that gives a distribution for each last token. */
function runner(table: Record<number, Float32Array>): StepRunner {
  return {
    vocabSize: 2,
    slots: 1,
    context: 16,
    chunk: 3,
    prefill: (_slot: number, ids: readonly number[]) =>
      Promise.resolve(Float32Array.from(ids.flatMap((id) => [...table[id]]))),
    decode: () => Promise.reject(new Error("it must not decode")),
    close: () => {},
  };
}

Deno.test("compareRunners() means over positions and over the ends of texts, and over the tokens that come next", async () => {
  const p = { 0: logits(0, 0.5, 0.5), 1: logits(0, 0.8, 0.2) };
  const q = { 0: logits(1, 0.25, 0.75), 1: logits(0, 0.8, 0.2) };
  const kl = 0.5 * Math.log(2) + 0.5 * Math.log(2 / 3);
  const texts = [[0, 1, 0, 1], [1, 0]];
  const [d, same] = await compareRunners(runner(p), [runner(q), runner(p)], texts);
  assert.deepEqual([same.meanKl, same.sameTop], [0, 1]);
  assert.deepEqual([d.texts, d.positions], [2, 6]);
  near(d.meanKl, 3 * kl / 6);
  near(d.meanKlAtEnd, kl / 2);
  near(d.sameTop, 0.5); // after 0: p's first of equals against q's second
  // Next tokens: 1 after 0, 0 after 1, 1 after 0; 0 after 1.
  near(d.perplexity.reference!, (0.5 * 0.8 * 0.5 * 0.8) ** (-1 / 4));
  near(d.perplexity.variant!, (0.75 * 0.8 * 0.75 * 0.8) ** (-1 / 4));
  assert.equal((await compareRunners(runner(p), [runner(q)], [[0]]))[0].perplexity.variant, null);
});
