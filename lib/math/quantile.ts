/** Quantiles, and intervals for them from order statistics. */
import { binomialProbabilities } from "./binomial.ts";

/** Gives the values in ascending order, as a typed array. */
export function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/**
 * Interpolates the p-quantile of ascending values linearly between order statistics (Hyndman and Fan's type 7,
 * NumPy's default).
 * @param p from 0 to 1
 * @returns null where there is no value
 */
export function quantileSorted(ascending: ArrayLike<number>, p: number): number | null {
  if (ascending.length === 0) return null;
  const rank = p * (ascending.length - 1);
  const low = Math.floor(rank);
  const high = Math.min(low + 1, ascending.length - 1);
  return ascending[low] + (rank - low) * (ascending[high] - ascending[low]);
}

/** `quantileSorted` for values in any order. */
export function quantile(values: ArrayLike<number>, p: number): number | null {
  return quantileSorted(sorted(values), p);
}

/** The 0.5-quantile; null where there is no value. */
export function median(values: ArrayLike<number>): number | null {
  return quantile(values, 0.5);
}

/** A two-sided interval; a bound is null where the sample is too small for one. */
export interface QuantileInterval {
  lower: number | null;
  upper: number | null;
}

/**
 * The most that each tail may miss: 2.5%, to four decimals, so that 367 values bound their p99 by the maximum
 * (it misses with 0.99^367 = 2.501%). Whole intervals cover at least 94.99%.
 */
const TAIL = 0.02505;

/**
 * Gives the 95% interval of a p-quantile from order statistics, with exact binomial probabilities and no
 * assumption on the distribution. p99 has an upper bound from 367 values on, p50 from 6.
 * @param ascending values in ascending order
 * @see David and Nagaraja, Order Statistics, 3rd ed., section 7.1
 */
export function quantileInterval(ascending: ArrayLike<number>, p: number): QuantileInterval {
  const n = ascending.length;
  if (n === 0) return { lower: null, upper: null };
  const [low, high] = quantileRanks(n, p);
  return {
    lower: low >= 1 ? ascending[low - 1] : null,
    upper: high <= n ? ascending[high - 1] : null,
  };
}

/**
 * Gives the ranks (from 1) of the order statistics that bound a p-quantile: x(low) <= quantile <= x(high).
 * A rank of 0 or n + 1 says that there is no such bound.
 */
export function quantileRanks(n: number, p: number): [low: number, high: number] {
  // B of n values lie below the quantile: x(low) is too high where B < low, x(high) too low where B >= high.
  const { from, probabilities } = binomialProbabilities(n, p);
  let low = from, high = from + probabilities.length;
  for (let i = 0, missed = probabilities[0]; missed <= TAIL; missed += probabilities[++i]) low++;
  for (let i = probabilities.length - 1, missed = probabilities[i]; missed <= TAIL;) {
    high--;
    missed += probabilities[--i];
  }
  return [low, high];
}
