/**
 * Two runs of a level side by side: each figure's difference with a 95% interval.
 *
 * An interval rests on those of both figures (order statistics for percentiles, Wilson's for shares, the spread
 * between parts of the level for throughput). Where both runs sent an example, its two requests count as a pair, and
 * what the pairs have in common makes the interval narrower; runs without a common example are independent samples.
 *
 * Intervals cover the chance in the requests, not that in the machine: a run repeated on a busy machine differs.
 */
import { correlation } from "../math/mod.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import {
  type Difference,
  difference,
  estimate,
  meanEstimate,
  shareEstimate,
  type Thresholds,
} from "./difference.ts";
import type { Distribution, MetricsDocument } from "./document.ts";
import { rateEstimate, RATES } from "./rate_estimate.ts";
import { meetsSlo } from "./slo.ts";

/** A level of one run; without records only what its metrics tell is compared, unpaired. */
export interface LevelSample {
  metrics: MetricsDocument;
  records: readonly RequestRecord[];
}

const LATENCIES = {
  ttft: (r: RequestRecord) => r.ttftMs,
  ttft_from_scheduled: (r: RequestRecord) => r.ttftFromScheduledMs,
  tpot: (r: RequestRecord) => r.tpotMs,
  e2e_latency: (r: RequestRecord) => r.e2eLatencyMs,
};
type Latency = keyof typeof LATENCIES;
const COMPARED = ["p50", "p90", "p95", "p99"] as const;

/**
 * Compares two runs of a level.
 * @param slo what both are judged by
 */
export function compareLevels(
  a: LevelSample,
  b: LevelSample,
  slo: Slo,
  thresholds: Thresholds,
): { pairs: number; differences: Difference[] } {
  const pairs = pairsOf(a.records, b.records);
  const latencies = Object.keys(LATENCIES) as Latency[];
  const rates = RATES.map(([metric, unit, addition]) => {
    const [ofA, ofB] = [a, b].map((run) => rateEstimate(run, metric, addition, slo));
    return difference({ metric, statistic: null, unit }, ofA, ofB, 0, thresholds);
  });
  return {
    pairs: pairs.length,
    differences: [
      ...latencies.flatMap((metric) => compareLatency(metric, a.metrics, b.metrics, pairs, thresholds)),
      ...rates,
      compareShare("slo_compliance", (r) => meetsSlo(r, slo), a.metrics, b.metrics, pairs, thresholds),
      compareShare("success_rate", (r) => r.error === null, a.metrics, b.metrics, pairs, thresholds),
    ],
  };
}

function compareLatency(
  metric: Latency,
  a: MetricsDocument,
  b: MetricsDocument,
  pairs: readonly Pair[],
  thresholds: Thresholds,
): Difference[] {
  const [ofA, ofB] = [a[metric], b[metric]];
  if (ofA.count + ofB.count === 0) return [];
  // What is sent when it is planned, as by a closed loop, would have the same figures once more.
  if (metric === "ttft_from_scheduled" && isSame(ofA, a.ttft) && isSame(ofB, b.ttft)) return [];
  const values = pairs.flatMap(([x, y]) => {
    const [first, second] = [LATENCIES[metric](x), LATENCIES[metric](y)];
    return first === null || second === null || x.error !== null || y.error !== null ? [] : [[first, second]];
  });
  const shared = (map: (value: number, d: Distribution) => number) =>
    sharedCorrelation(
      values.map(([x]) => map(x, ofA)),
      values.map(([, y]) => map(y, ofB)),
      ofA.count,
      ofB.count,
    );
  const percentiles = COMPARED.map((p) =>
    difference(
      { metric, statistic: p, unit: "ms" },
      estimate(ofA[p], ofA[`${p}_ci`]),
      estimate(ofB[p], ofB[`${p}_ci`]),
      // A quantile's estimate errs as the share of values below the quantile does (Bahadur 1966).
      shared((value, d) => Number(value <= d[p]!)),
      thresholds,
    )
  );
  const mean = { metric, statistic: "mean", unit: "ms" } as const;
  const together = shared((value) => value);
  return [...percentiles, difference(mean, meanEstimate(ofA), meanEstimate(ofB), together, thresholds)];
}

function compareShare(
  metric: "slo_compliance" | "success_rate",
  holds: (r: RequestRecord) => boolean,
  a: MetricsDocument,
  b: MetricsDocument,
  pairs: readonly Pair[],
  thresholds: Thresholds,
): Difference {
  const [ofA, ofB] = [a, b].map(({ summary }) =>
    shareEstimate(Math.round((summary[metric] ?? 0) * summary.total_requests), summary.total_requests)
  );
  const together = sharedCorrelation(
    pairs.map(([x]) => Number(holds(x))),
    pairs.map(([, y]) => Number(holds(y))),
    a.summary.total_requests,
    b.summary.total_requests,
  );
  return difference({ metric, statistic: null, unit: "share" }, ofA, ofB, together, thresholds);
}

type Pair = [ofA: RequestRecord, ofB: RequestRecord];

/** The requests of both runs that sent the same example as often before. */
function pairsOf(a: readonly RequestRecord[], b: readonly RequestRecord[]): Pair[] {
  const key = (r: RequestRecord) => `${r.repeat} ${r.exampleId}`;
  const ofB = new Map(b.map((r) => [key(r), r]));
  return a.flatMap((first): Pair[] => {
    const second = ofB.get(key(first));
    return second ? [[first, second]] : [];
  });
}

/** Within 1% on average: the client's own delay is below that where it is not the limit. */
const isSame = (x: Distribution, y: Distribution) => Math.abs(x.mean! - y.mean!) <= 0.01 * y.mean!;

/** The correlation of two samples' estimates: that of their pairs, as far as the samples consist of pairs. */
function sharedCorrelation(x: number[], y: number[], countX: number, countY: number): number {
  return x.length === 0 ? 0 : correlation(x, y) * Math.min(1, x.length / Math.sqrt(countX * countY));
}
