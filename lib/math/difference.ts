/** Intervals for the difference of two estimates from the interval of each. */
import type { QuantileInterval } from "./quantile.ts";

/** An estimate with its 95% interval; a bound is null where there is none. */
export interface Estimate extends QuantileInterval {
  value: number;
}

/**
 * Gives the 95% interval of `b - a` from the intervals of both (MOVER, the method of variance estimates recovery):
 * it needs no assumption on how they were made, and keeps their asymmetry.
 * @param correlation of the two estimates: 0 for independent samples, above 0 for paired ones
 * @returns a bound is null where a bound that it rests on is
 * @see Zou and Donner 2008, Construction of confidence limits about effect measures, Statistics in Medicine 27:1693
 */
export function differenceInterval(a: Estimate, b: Estimate, correlation = 0): QuantileInterval {
  const difference = b.value - a.value;
  const reach = (ofA: number | null, ofB: number | null) => {
    if (ofA === null || ofB === null) return null;
    const [x, y] = [Math.abs(ofA - a.value), Math.abs(ofB - b.value)];
    return Math.sqrt(Math.max(0, x * x + y * y - 2 * correlation * x * y));
  };
  const down = reach(a.upper, b.lower), up = reach(a.lower, b.upper);
  return {
    lower: down === null ? null : difference - down,
    upper: up === null ? null : difference + up,
  };
}

/**
 * Gives Pearson's correlation of pairs.
 * @returns 0 where either does not vary, or below two pairs
 */
export function correlation(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = Math.min(x.length, y.length);
  let meanX = 0, meanY = 0;
  for (let i = 0; i < n; i++) meanX += x[i] / n, meanY += y[i] / n;
  let xx = 0, yy = 0, xy = 0;
  for (let i = 0; i < n; i++) {
    const dx = x[i] - meanX, dy = y[i] - meanY;
    xx += dx * dx, yy += dy * dy, xy += dx * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
}
