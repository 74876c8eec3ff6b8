/**
 * Searches the highest rate that a target carries: doubling until a rate is missed (or halving until one is met), then
 * bisection. Pure: from the probes so far to the next rate, so that a search is resumed by its probes.
 *
 * Of an undecided probe it is known only that the capacity is near: both sides of it are searched on, and it stays
 * within the interval.
 */
import type { ProbeVerdict } from "../metrics/mod.ts";

/** A rate in requests a second, and whether its limits were met. */
export interface Probed {
  rate: number;
  verdict: ProbeVerdict;
}

export interface SearchOptions {
  startRate: number;
  /** Rates below and above are not probed. */
  minRate: number;
  maxRate: number;
  /** The search ends where the bounds of the interval differ by a factor of at most 1 + precision. */
  precision: number;
  maxProbes: number;
}

export interface CapacityBounds {
  /** The highest rate that was met; null where none was. */
  lower: number | null;
  /** The lowest rate above it that was missed; null where none was. */
  upper: number | null;
  /** Undecided rates between the bounds, ascending. */
  undecided: number[];
}

/** What is known of the capacity after some probes. */
export function boundsOf(probes: readonly Probed[]): CapacityBounds {
  const rates = (verdict: ProbeVerdict) => probes.filter((p) => p.verdict === verdict).map((p) => p.rate);
  const upper = Math.min(...rates("missed"));
  // A rate that was met above one that was missed counts for nothing: the target does not carry the lower one.
  const lower = Math.max(...rates("met").filter((rate) => rate < upper));
  const undecided = rates("undecided").filter((rate) => rate > lower && rate < upper);
  return {
    lower: lower === -Infinity ? null : lower,
    upper: upper === Infinity ? null : upper,
    undecided: undecided.toSorted((a, b) => a - b),
  };
}

/** The rate to probe next, or null where the search is at its end. */
export function nextRate(probes: readonly Probed[], options: SearchOptions): number | null {
  const { startRate, minRate, maxRate, precision, maxProbes } = options;
  if (probes.length === 0) return startRate;
  if (probes.length >= maxProbes) return null;
  const rates = probes.map((p) => p.rate);
  const { lower, upper, undecided } = boundsOf(probes);
  if (lower === null) {
    const least = Math.min(...rates);
    return least > minRate ? Math.max(minRate, least / 2) : null;
  }
  if (upper === null) {
    const most = Math.max(...rates);
    return most < maxRate ? Math.min(maxRate, 2 * most) : null;
  }
  // The gaps on both sides of what is undecided, or the one gap where nothing is.
  const gaps: [from: number, to: number][] = undecided.length === 0
    ? [[lower, upper]]
    : [[lower, undecided[0]], [undecided.at(-1)!, upper]];
  const [from, to] = gaps.reduce((widest, gap) => gap[1] / gap[0] > widest[1] / widest[0] ? gap : widest);
  return to / from > 1 + precision ? (from + to) / 2 : null;
}
