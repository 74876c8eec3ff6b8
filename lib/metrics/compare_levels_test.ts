import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import type { RequestRecord } from "../types/mod.ts";
import { MetricsCalculator } from "./calculator.ts";
import { compareLevels, type LevelSample } from "./compare_levels.ts";
import { compareShares, DEFAULT_THRESHOLDS, type Difference, verdictOf } from "./difference.ts";
import { requestRecord } from "./testing/record.ts";

const slo = { ttftMs: 150, tpotMs: 20, e2eMs: null };

/** A level whose example i has the TTFT `ttftOf(i)`, one request after the other. */
function level(
  count: number,
  ttftOf: (i: number) => number,
  change: Partial<RequestRecord> = {},
): LevelSample {
  let at = 0;
  const records = Array.from({ length: count }, (_, i) => {
    const ttft = ttftOf(i), from = at;
    at += ttft + 100;
    return requestRecord({
      requestId: `c1-${i}`,
      exampleId: `mmlu/test/${i}`,
      scheduledAt: from,
      dispatchedAt: from,
      firstTokenAt: from + ttft,
      lastTokenAt: at,
      doneAt: at,
      ttftMs: ttft,
      ttftFromScheduledMs: ttft,
      e2eLatencyMs: ttft + 100,
      ...change,
    });
  });
  return { records, metrics: new MetricsCalculator(records, slo).computeAllMetrics() };
}

function noise(seed: number): (i: number) => number {
  const random = createRandom(seed);
  const values = Array.from({ length: 2000 }, () => 80 + 40 * random.float());
  return (i) => values[i];
}

const [one, two] = [noise(1), noise(2)];

const compare = (a: LevelSample, b: LevelSample) => {
  const { pairs, differences } = compareLevels(a, b, slo, DEFAULT_THRESHOLDS);
  const find = (metric: string, statistic: string | null = null) =>
    differences.find((d) => d.metric === metric && d.statistic === statistic)!;
  return { pairs, differences, find };
};

Deno.test("compareLevels() finds nothing between a run and itself", () => {
  const run = level(400, one);
  const { pairs, differences, find } = compare(run, run);
  assert.equal(pairs, 400);
  assert.deepEqual(differences.filter((d) => d.verdict !== "none"), []);
  assert.ok(differences.every((d) => d.difference === 0));
  assert.deepEqual(find("ttft", "mean").interval.map((x) => Math.abs(x!) < 1e-9), [true, true]);
  assert.equal(differences.some((d) => d.metric === "ttft_from_scheduled"), false);
  const late = level(400, one, { ttftFromScheduledMs: 200 });
  assert.equal(compare(late, late).find("ttft_from_scheduled", "p50").a, 200);
});

Deno.test("compareLevels() calls a slower run worse, the faster one better, with the change in the interval", () => {
  const [a, b] = [level(400, one), level(400, (i) => 1.2 * one(i))];
  const p50 = compare(a, b).find("ttft", "p50");
  assert.equal(p50.verdict, "worse");
  assert.ok(Math.abs(p50.relative! - 0.2) < 1e-9);
  assert.ok(
    p50.interval[0]! > 0 && p50.interval[0]! <= p50.difference! && p50.interval[1]! >= p50.difference!,
  );
  assert.equal(compare(b, a).find("ttft", "p50").verdict, "better");
  const rate = compare(a, b).find("throughput_requests_per_sec");
  assert.ok(rate.difference! < 0 && rate.verdict === "worse", JSON.stringify(rate));
});

Deno.test("compareLevels() sees through what examples have in common, which unpaired runs hide", () => {
  const wide = (i: number) => 50 + (i * 37 % 400);
  const a = level(400, wide), b = level(400, (i) => wide(i) + 8 + two(i) / 100);
  const alone = { ...b, records: b.records.map((r) => ({ ...r, exampleId: `other/${r.exampleId}` })) };
  const mean = (of: LevelSample) => compare(a, of).find("ttft", "mean");
  assert.equal(compare(a, alone).pairs, 0);
  assert.ok(mean(b).interval[0]! > 0);
  assert.ok(mean(alone).interval[0]! < 0 && mean(alone).interval[1]! > mean(b).interval[1]!);
  assert.equal(mean(alone).difference, mean(b).difference);
  const half = { ...b, records: [...b.records.slice(0, 200), ...alone.records.slice(200)] };
  const width = (d: Difference) => d.interval[1]! - d.interval[0]!;
  assert.ok(width(mean(b)) < width(mean(half)) && width(mean(half)) < width(mean(alone)));
});

Deno.test("compareLevels() pairs a repeated example with the same repeat of it", () => {
  const run = level(20, () => 100);
  const repeated = { ...run, records: run.records.map((r) => ({ ...r, repeat: 1 })) };
  assert.equal(compare(run, repeated).pairs, 0);
  assert.equal(compare(repeated, repeated).pairs, 20);
});

Deno.test("compareLevels() calls nothing worse below the threshold, or with too few requests", () => {
  const little = compare(level(2000, one), level(2000, (i) => 1.02 * one(i))).find("ttft", "p50");
  assert.ok(little.interval[0]! > 0);
  assert.equal(little.verdict, "none");
  const few = compare(level(4, () => 100), level(4, () => 300)).find("ttft", "p50");
  assert.deepEqual([few.difference, few.interval, few.verdict], [200, [null, null], "none"]);
  const p99 = compare(level(100, one), level(100, (i) => 3 * one(i))).find("ttft", "p99");
  assert.equal(p99.interval[0], null); // A's p99 has no upper bound
});

Deno.test("compareLevels() compares attainment over all requests, failures being misses", () => {
  const error = { kind: "timeout", message: "" };
  const a = level(200, () => 100);
  const records = a.records.map((r, i) =>
    i % 5 === 0 ? { ...r, error } : i % 5 === 1 ? { ...r, ttftFromScheduledMs: 151 } : r
  );
  const b = { records, metrics: new MetricsCalculator(records, slo).computeAllMetrics() };
  const { find } = compare(a, b);
  const close = (x: number | null, y: number) => assert.ok(Math.abs(x! - y) < 1e-9);
  close(find("slo_compliance").difference, -0.4);
  close(find("success_rate").difference, -0.2);
  assert.equal(find("slo_compliance").verdict, "worse");
  assert.equal(find("goodput_requests_per_sec").verdict, "worse");
  assert.ok(find("slo_compliance").interval[1]! < 0);
});

Deno.test("compareLevels() cuts a level's rate into parts for its interval", () => {
  const even = compare(level(100, () => 100), level(100, () => 100)).find("throughput_tokens_per_sec");
  // 10 parts of 10 answers each, 12 tokens in 200 ms: all alike
  assert.ok(Math.abs(even.a! - 60) < 1e-9);
  assert.ok(even.interval[1]! - even.interval[0]! < 1e-6);
  const slowing = compare(level(100, (i) => i), level(100, (i) => i)).find("throughput_tokens_per_sec");
  assert.ok(slowing.interval[1]! - slowing.interval[0]! > 10);
  const few = compare(level(19, () => 100), level(19, () => 100)).find("throughput_tokens_per_sec");
  assert.deepEqual([few.difference, few.interval], [0, [null, null]]);
});

Deno.test("compareLevels() cuts a level into parts from the end of its warm-up window on", () => {
  const late = level(100, () => 100).records.map((r) => ({
    ...r,
    scheduledAt: r.scheduledAt + 90_000,
    firstTokenAt: r.firstTokenAt! + 90_000,
    lastTokenAt: r.lastTokenAt! + 90_000,
    doneAt: r.doneAt + 90_000,
  }));
  const early = requestRecord({ scheduledAt: 0 });
  const options = { warmupMs: 90_000, durationMs: 110_000 };
  const metrics = new MetricsCalculator([early, ...late], slo, options).computeAllMetrics();
  const rate = compare({ records: late, metrics }, { records: late, metrics }).find(
    "throughput_tokens_per_sec",
  );
  assert.ok(Math.abs(rate.a! - 60) < 1e-9);
  assert.ok(rate.interval[1]! - rate.interval[0]! < 1e-6);
});

Deno.test("compareLevels() needs no records for what the metrics tell, and has null for what they do not", () => {
  const [a, b] = [level(400, one), level(400, (i) => 1.5 * two(i))].map((l) => ({
    ...l,
    records: [],
  }));
  const { pairs, find } = compare(a, b);
  assert.equal(pairs, 0);
  assert.equal(find("ttft", "p50").verdict, "worse");
  assert.deepEqual(find("throughput_tokens_per_sec").interval, [null, null]);
  const nothing = { records: [], metrics: new MetricsCalculator([], slo).computeAllMetrics() };
  const none = compare(a, nothing);
  assert.deepEqual([none.find("ttft", "p50").b, none.find("ttft", "p50").difference], [null, null]);
  assert.equal(none.find("slo_compliance").difference, null);
  assert.doesNotMatch(JSON.stringify(none.differences), /NaN|Infinity/);
});

Deno.test("compareLevels() calls at most one in 40 figures of equal servers worse", () => {
  const random = createRandom(5);
  let worse = 0, figures = 0;
  for (let run = 0; run < 60; run++) {
    const [a, b] = [1, 2].map(() => level(100, () => 60 - 60 * Math.log(1 - random.float())));
    const told = compare(a, b).differences.filter((d) => d.interval.some((bound) => bound !== null));
    figures += told.length;
    worse += told.filter((d) => d.verdict === "worse").length;
  }
  assert.ok(figures > 60 * 10 && worse <= figures / 40, `${worse} of ${figures}`);
});

Deno.test("compareShares() gives Newcombe's interval", () => {
  const d = compareShares("accuracy", { count: 48, total: 80 }, { count: 56, total: 70 }, DEFAULT_THRESHOLDS);
  assert.ok(Math.abs(d.interval[0]! - 0.0524) < 1e-4 && Math.abs(d.interval[1]! - 0.3339) < 1e-4);
  assert.equal(d.verdict, "better");
});

Deno.test("verdictOf() calls a change from nothing, and weighs shares by points", () => {
  const verdict = (change: Partial<Difference>) =>
    verdictOf(
      { difference: 2, interval: [1, 3], relative: 0.04, unit: "requests/s", better: "higher", ...change },
      DEFAULT_THRESHOLDS,
    );
  assert.equal(verdict({}), "none");
  assert.equal(verdict({ relative: 0.06 }), "better");
  assert.equal(verdict({ relative: 0.06, better: "lower" }), "worse");
  assert.equal(verdict({ relative: null }), "better");
  assert.equal(verdict({ relative: 9, interval: [null, 3] }), "none");
  assert.equal(verdict({ unit: "share", difference: -0.02, interval: [-0.03, -0.01] }), "worse");
  assert.equal(verdict({ unit: "share", difference: -0.002, interval: [-0.003, -0.001] }), "none");
});
