/**
 * Two runs of a level side by side: each figure's difference with a 95% interval.
 *
 * An interval rests on those of both figures (order statistics for percentiles, Wilson's for shares, the spread
 * between parts of the level for throughput). Where both runs sent an example, its two requests count as a pair, and
 * what the pairs have in common makes the interval narrower; runs without a common example are independent samples.
 *
 * Intervals cover the chance in the requests, not that in the machine: a run repeated on a busy machine differs.
 */
import { correlation, differenceInterval, type Estimate, std, wilson, Z95 } from "../math/mod.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import type { Distribution, Interval, MetricsDocument } from "./document.ts";
import { meetsSlo } from "./slo.ts";

/** A level of one run; without records only what its metrics tell is compared, unpaired. */
export interface LevelSample {
  metrics: MetricsDocument;
  records: readonly RequestRecord[];
}

export type Unit = "ms" | "tokens/s" | "requests/s" | "share";

/** `b - a` of one figure. */
export interface Difference {
  /** `ttft`, `slo_compliance`, ... */
  metric: string;
  /** Of a latency: `p50`, `mean`, ...; null for the others. */
  statistic: string | null;
  unit: Unit;
  better: "lower" | "higher";
  a: number | null;
  b: number | null;
  difference: number | null;
  /** 95%; a bound is null where there are too few requests for one. */
  interval: Interval;
  /** difference / a. */
  relative: number | null;
  /** `none`: no difference that is both told from 0 and beyond the threshold. */
  verdict: "worse" | "better" | "none";
}

export interface Thresholds {
  /** Of latencies, throughput and goodput: relative to the first run (0.05 is 5%). */
  relative: number;
  /** Of shares (attainment, accuracy): absolute (0.01 is a point). */
  share: number;
}

/** Differences smaller than these are not called worse or better, however sure they are. */
export const DEFAULT_THRESHOLDS: Thresholds = { relative: 0.05, share: 0.01 };

const LATENCIES = {
  ttft: (r: RequestRecord) => r.ttftMs,
  ttft_from_scheduled: (r: RequestRecord) => r.ttftFromScheduledMs,
  tpot: (r: RequestRecord) => r.tpotMs,
  e2e_latency: (r: RequestRecord) => r.e2eLatencyMs,
};
type Latency = keyof typeof LATENCIES;
const COMPARED = [50, 90, 95, 99] as const;

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
  const differences: Difference[] = [];
  const add = (
    metric: string,
    statistic: string | null,
    unit: Unit,
    ofA: Estimate | null,
    ofB: Estimate | null,
    shared = 0,
  ) => differences.push(difference({ metric, statistic, unit }, ofA, ofB, shared, thresholds));

  for (const metric of Object.keys(LATENCIES) as Latency[]) {
    const [ofA, ofB] = [a.metrics[metric], b.metrics[metric]];
    if (ofA.count + ofB.count === 0) continue;
    // A closed loop's planned sending is its sending: the same figures once more.
    if (metric === "ttft_from_scheduled" && isSame(ofA, a.metrics.ttft) && isSame(ofB, b.metrics.ttft)) {
      continue;
    }
    const values = pairs.flatMap(([x, y]) => {
      const [of1, of2] = [LATENCIES[metric](x), LATENCIES[metric](y)];
      return of1 === null || of2 === null || x.error !== null || y.error !== null ? [] : [[of1, of2]];
    });
    const columns = (map: (value: number, d: Distribution) => number) =>
      sharedCorrelation(
        values.map(([x]) => map(x, ofA)),
        values.map(([, y]) => map(y, ofB)),
        ofA.count,
        ofB.count,
      );
    for (const p of COMPARED) {
      // A quantile's estimate errs as the share of values below the quantile does (Bahadur 1966).
      const below = columns((value, d) => Number(value <= d[`p${p}`]!));
      add(
        metric,
        `p${p}`,
        "ms",
        estimate(ofA[`p${p}`], ofA[`p${p}_ci`]),
        estimate(ofB[`p${p}`], ofB[`p${p}_ci`]),
        below,
      );
    }
    add(metric, "mean", "ms", meanEstimate(ofA), meanEstimate(ofB), columns((value) => value));
  }

  for (const [metric, unit, count] of RATES) {
    add(metric, null, unit, rateEstimate(a, metric, count, slo), rateEstimate(b, metric, count, slo));
  }
  const shares = [
    ["slo_compliance", (r: RequestRecord) => meetsSlo(r, slo)],
    ["success_rate", (r: RequestRecord) => r.error === null],
  ] as const;
  for (const [metric, holds] of shares) {
    const counts = [a, b].map(({ metrics: { summary } }) => summary.total_requests);
    const common = sharedCorrelation(
      pairs.map(([x]) => Number(holds(x))),
      pairs.map(([, y]) => Number(holds(y))),
      counts[0],
      counts[1],
    );
    const of = ({ metrics: { summary } }: LevelSample) =>
      shareEstimate(Math.round((summary[metric] ?? 0) * summary.total_requests), summary.total_requests);
    add(metric, null, "share", of(a), of(b), common);
  }
  return { pairs: pairs.length, differences };
}

/**
 * Gives the difference of two shares of independent samples, of accuracies for instance.
 * @see Newcombe 1998, Interval estimation for the difference between independent proportions, method 10
 */
export function compareShares(
  metric: string,
  a: { count: number; total: number },
  b: { count: number; total: number },
  thresholds: Thresholds,
): Difference {
  const what = { metric, statistic: null, unit: "share" } as const;
  return difference(what, shareEstimate(a.count, a.total), shareEstimate(b.count, b.total), 0, thresholds);
}

/** Says what a difference is called. */
export function verdictOf(
  d: Pick<Difference, "difference" | "interval" | "relative" | "unit" | "better">,
  thresholds: Thresholds,
): Difference["verdict"] {
  const [lower, upper] = d.interval;
  const isTold = (lower !== null && lower > 0) || (upper !== null && upper < 0);
  const size = d.unit === "share" ? d.difference : d.relative;
  if (d.difference === null || !isTold || size === null) return "none";
  if (Math.abs(size) < (d.unit === "share" ? thresholds.share : thresholds.relative)) return "none";
  return d.difference > 0 === (d.better === "higher") ? "better" : "worse";
}

function difference(
  what: Pick<Difference, "metric" | "statistic" | "unit">,
  a: Estimate | null,
  b: Estimate | null,
  shared: number,
  thresholds: Thresholds,
): Difference {
  const { lower, upper } = a && b ? differenceInterval(a, b, shared) : { lower: null, upper: null };
  const d = a && b ? b.value - a.value : null;
  const found = {
    ...what,
    better: what.unit === "ms" ? "lower" as const : "higher" as const,
    a: a?.value ?? null,
    b: b?.value ?? null,
    difference: d,
    interval: [lower, upper] as Interval,
    relative: a && d !== null && a.value > 0 ? d / a.value : null,
  };
  return { ...found, verdict: verdictOf(found, thresholds) };
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

const isSame = (x: Distribution, y: Distribution) =>
  x.mean === y.mean && x.p99 === y.p99 && x.count === y.count;

/** The correlation of two samples' estimates: that of their pairs, as far as the samples consist of pairs. */
function sharedCorrelation(x: number[], y: number[], countX: number, countY: number): number {
  return x.length === 0 ? 0 : correlation(x, y) * Math.min(1, x.length / Math.sqrt(countX * countY));
}

function estimate(value: number | null, [lower, upper]: Interval): Estimate | null {
  return value === null ? null : { value, lower, upper };
}

function meanEstimate({ mean: value, std: spread, count }: Distribution): Estimate | null {
  if (value === null) return null;
  const half = spread === null ? null : Z95 * spread / Math.sqrt(count);
  return { value, lower: half === null ? null : value - half, upper: half === null ? null : value + half };
}

function shareEstimate(count: number, total: number): Estimate | null {
  return total === 0 ? null : estimate(count / total, wilson(count, total) ?? [null, null]);
}

/** What a request adds to a rate, between two instants. */
type Addition = (r: RequestRecord, slo: Slo) => { amount: number; from: number; to: number };

const RATES = [
  ["throughput_tokens_per_sec", "tokens/s", (r) => ({
    amount: r.outputTokens,
    from: r.firstTokenAt ?? r.doneAt,
    to: r.lastTokenAt ?? r.doneAt,
  })],
  ["throughput_requests_per_sec", "requests/s", (r) => ({ amount: 1, from: r.doneAt, to: r.doneAt })],
  ["goodput_requests_per_sec", "requests/s", (r, slo) => ({
    amount: Number(meetsSlo(r, slo)),
    from: r.doneAt,
    to: r.doneAt,
  })],
] as const satisfies readonly (readonly [keyof MetricsDocument["summary"], Unit, Addition])[];

/** Parts of equal length that a level is cut into for the spread of its rates, and Student's t for their number. */
const PARTS = 10, T95 = 2.262157;
/** Fewer requests than this a part, on average, say nothing of the spread. */
const REQUESTS_A_PART = 2;

/** A rate over the level, its interval from batch means. @see Law 2015, Simulation Modeling and Analysis, 9.5.3 */
function rateEstimate(
  { metrics: { summary }, records }: LevelSample,
  metric: (typeof RATES)[number][0],
  addition: Addition,
  slo: Slo,
): Estimate | null {
  const value = summary[metric];
  if (value === null) return null;
  const partMs = 1000 * (summary.duration_sec ?? 0) / PARTS;
  if (records.length < PARTS * REQUESTS_A_PART || partMs <= 0) return { value, lower: null, upper: null };
  const parts = new Float64Array(PARTS);
  for (const r of records) {
    if (r.error !== null) continue;
    const { amount, from, to } = addition(r, slo);
    for (let i = partAt(from, partMs); i <= partAt(to, partMs); i++) {
      const within = Math.min(to, (i + 1) * partMs) - Math.max(from, i * partMs);
      parts[i] += to > from ? amount * Math.max(0, within) / (to - from) : amount;
    }
  }
  const rates = parts.map((amount) => 1000 * amount / partMs);
  const half = T95 * std(rates)! / Math.sqrt(PARTS);
  return { value, lower: value - half, upper: value + half };
}

const partAt = (at: number, partMs: number) => Math.min(PARTS - 1, Math.max(0, Math.floor(at / partMs)));
