import assert from "node:assert/strict";
import type { ProbeVerdict } from "../metrics/mod.ts";
import { boundsOf, nextRate, type Probed, type SearchOptions } from "./capacity_search.ts";

const OPTIONS: SearchOptions = {
  startRate: 1,
  minRate: 1 / 1024,
  maxRate: 1024,
  precision: 0.1,
  maxProbes: 40,
};

/** Searches against a judge of rates. */
function search(judge: (rate: number) => ProbeVerdict, options: Partial<SearchOptions> = {}): Probed[] {
  const probes: Probed[] = [];
  for (let rate; (rate = nextRate(probes, { ...OPTIONS, ...options })) !== null;) {
    probes.push({ rate, verdict: judge(rate) });
  }
  return probes;
}

const carries = (capacity: number) => (rate: number): ProbeVerdict => rate <= capacity ? "met" : "missed";
const ratesOf = (probes: Probed[]) => probes.map((p) => p.rate);

Deno.test("nextRate() doubles until a rate is missed, then halves the gap", () => {
  const probes = search(carries(5.3));
  assert.deepEqual(ratesOf(probes), [1, 2, 4, 8, 6, 5, 5.5]);
  assert.deepEqual(boundsOf(probes), { lower: 5, upper: 5.5, undecided: [] });
});

Deno.test("nextRate() halves until a rate is met, below 1 request a second too", () => {
  const probes = search(carries(0.07));
  assert.deepEqual(ratesOf(probes).slice(0, 6), [1, 0.5, 0.25, 0.125, 0.0625, 0.09375]);
  const { lower, upper } = boundsOf(probes);
  assert.ok(lower! <= 0.07 && upper! > 0.07 && upper! / lower! <= 1.1);
});

Deno.test("the interval brackets every capacity to the precision asked for", () => {
  for (const precision of [0.5, 0.1, 0.01]) {
    for (let capacity = 0.01; capacity < 500; capacity *= 1.37) {
      const probes = search(carries(capacity), { precision });
      const { lower, upper } = boundsOf(probes);
      assert.ok(lower! <= capacity && capacity < upper! && upper! / lower! <= 1 + precision);
      assert.equal(new Set(ratesOf(probes)).size, probes.length);
    }
  }
});

Deno.test("an undecided probe widens the interval, and both sides of it are searched on", () => {
  const probes = search((rate) => rate < 4.8 ? "met" : rate > 5.2 ? "missed" : "undecided");
  const { lower, upper, undecided } = boundsOf(probes);
  assert.ok(lower! < 4.8 && upper! > 5.2 && undecided.length > 0);
  assert.ok(undecided[0] / lower! <= 1.1 && upper! / undecided.at(-1)! <= 1.1);
  // Undecided at the start: down to a rate that is met, up to one that is missed.
  const start = search((rate) => rate < 0.8 ? "met" : rate > 1.5 ? "missed" : "undecided");
  assert.deepEqual(ratesOf(start).slice(0, 3), [1, 0.5, 2]);
  assert.deepEqual(boundsOf(start).undecided.includes(1), true);
});

Deno.test("a rate that was met above one that was missed is not the capacity", () => {
  const probes: Probed[] = [
    { rate: 1, verdict: "met" },
    { rate: 2, verdict: "missed" },
    { rate: 4, verdict: "met" },
    { rate: 3, verdict: "undecided" },
  ];
  assert.deepEqual(boundsOf(probes), { lower: 1, upper: 2, undecided: [] });
});

Deno.test("a noisy judge ends in an interval near the capacity", () => {
  let flips = 0;
  const probes = search((rate) => {
    const near = Math.abs(Math.log(rate / 7)) < 0.05;
    return near ? (["met", "missed", "undecided"] as const)[flips++ % 3] : carries(7)(rate);
  }, { precision: 0.05 });
  const { lower, upper } = boundsOf(probes);
  assert.ok(lower! > 6 && upper! < 8 && probes.length < 20);
});

Deno.test("the search ends at its limits, with an open interval where nothing was met or missed", () => {
  assert.deepEqual(boundsOf(search(carries(Infinity), { maxRate: 5 })), {
    lower: 5,
    upper: null,
    undecided: [],
  });
  const none = search(carries(0), { minRate: 0.3 });
  assert.deepEqual(ratesOf(none), [1, 0.5, 0.3]);
  assert.deepEqual(boundsOf(none), { lower: null, upper: 0.3, undecided: [] });
  assert.equal(search(carries(5.3), { maxProbes: 5 }).length, 5);
  const undecided = search(() => "undecided", { minRate: 0.25 });
  assert.deepEqual(boundsOf(undecided), { lower: null, upper: null, undecided: [0.25, 0.5, 1] });
});

Deno.test("a search goes on from its probes as if it had not been broken", () => {
  const whole = search(carries(13));
  for (let kept = 1; kept < whole.length; kept++) {
    assert.equal(nextRate(whole.slice(0, kept), OPTIONS), whole[kept].rate);
  }
  assert.equal(nextRate(whole, OPTIONS), null);
});
