/** One figure of two runs: their difference with its interval, and what it is called. */
import { differenceInterval, type Estimate, wilson, Z95 } from "../math/mod.ts";
import type { Distribution, Interval } from "./document.ts";

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
  if (d.difference === null || !isTold) return "none";
  const [size, threshold] = d.unit === "share"
    ? [d.difference, thresholds.share]
    : [d.relative ?? Infinity, thresholds.relative]; // from 0 every change is beyond all bounds
  if (Math.abs(size) < threshold) return "none";
  return d.difference > 0 === (d.better === "higher") ? "better" : "worse";
}

/**
 * Makes the difference of two estimates.
 * @param shared the correlation of the estimates, above 0 for pairs
 */
export function difference(
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

/** An estimate with its interval; null where the figure cannot be told. */
export function estimate(value: number | null, [lower, upper]: Interval): Estimate | null {
  return value === null ? null : { value, lower, upper };
}

/** A mean with its interval by the normal distribution. */
export function meanEstimate({ mean: value, std: spread, count }: Distribution): Estimate | null {
  if (value === null) return null;
  const half = spread === null ? null : Z95 * spread / Math.sqrt(count);
  return { value, lower: half === null ? null : value - half, upper: half === null ? null : value + half };
}

/** A share with Wilson's interval; null where nothing was counted. */
export function shareEstimate(count: number, total: number): Estimate | null {
  return total === 0 ? null : estimate(count / total, wilson(count, total) ?? [null, null]);
}
