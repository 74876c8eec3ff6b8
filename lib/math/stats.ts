/** Means, spreads and intervals of proportions. */
import { binomialProbabilities } from "./binomial.ts";

/** 97.5% point of the normal distribution. */
export const Z95 = 1.959963984540054;

/** Arithmetic mean; null where there is no value. */
export function mean(values: ArrayLike<number>): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Sample standard deviation (n - 1); null below two values. */
export function std(values: ArrayLike<number>): number | null {
  if (values.length < 2) return null;
  const m = mean(values)!;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] - m) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * Gives Wilson's 95% score interval of a proportion.
 * @returns null where nothing was counted
 * @see Wilson 1927, Probable inference, the law of succession, and statistical inference
 */
export function wilson(successes: number, total: number): [lower: number, upper: number] | null {
  if (total === 0) return null;
  const p = successes / total, z2 = Z95 * Z95;
  const centre = (p + z2 / (2 * total)) / (1 + z2 / total);
  const half = Z95 / (1 + z2 / total) * Math.sqrt(p * (1 - p) / total + z2 / (4 * total * total));
  return [
    successes === 0 ? 0 : Math.max(0, centre - half),
    successes === total ? 1 : Math.min(1, centre + half),
  ];
}

/**
 * Gives the standard error of a mean whose values come in clusters (MMLU's subjects).
 * @param clusters the cluster of each value
 * @returns null where there is no value
 * @see Miller 2024, Adding Error Bars to Evals, section 2.2 (arXiv:2411.00640)
 */
export function clusteredStandardError(
  values: ArrayLike<number>,
  clusters: ArrayLike<string>,
): number | null {
  const m = mean(values);
  if (m === null) return null;
  const sums = new Map<string, number>();
  for (let i = 0; i < values.length; i++) {
    sums.set(clusters[i], (sums.get(clusters[i]) ?? 0) + values[i] - m);
  }
  return Math.sqrt(sums.values().reduce((total, s) => total + s * s, 0)) / values.length;
}

/** How the answers of two variants to the same questions differ. */
export interface PairedDifference {
  /** Accuracy of the second less that of the first. */
  difference: number;
  /** 95%, never of width 0: a few answers without a flip prove little. */
  interval: [lower: number, upper: number];
  rightToWrong: number;
  wrongToRight: number;
  /** McNemar's exact two-sided p-value. */
  pValue: number;
}

/**
 * Compares two variants' answers question by question.
 * @see Bonett and Price 2012, Adjusted Wald confidence interval for a difference of binomial proportions based
 * on paired data, for the interval
 * @throws {RangeError} where the lists differ in length or are empty.
 */
export function pairedDifference(first: readonly boolean[], second: readonly boolean[]): PairedDifference {
  const n = first.length;
  if (n !== second.length || n === 0) {
    throw new RangeError(
      `Cannot pair answers as there must be as many of both: there are ${n} and ${second.length}`,
    );
  }
  let rightToWrong = 0, wrongToRight = 0;
  for (let i = 0; i < n; i++) {
    if (first[i] && !second[i]) rightToWrong++;
    if (!first[i] && second[i]) wrongToRight++;
  }
  const flips = rightToWrong + wrongToRight;
  const centre = (wrongToRight - rightToWrong) / (n + 2);
  const half = Z95 * Math.sqrt(((flips + 2) / (n + 2) - centre * centre) / (n + 2));
  const { from, probabilities } = binomialProbabilities(flips, 0.5);
  const tail = probabilities.subarray(0, Math.max(0, Math.min(rightToWrong, wrongToRight) - from + 1))
    .reduce((a, b) => a + b, 0);
  return {
    difference: (wrongToRight - rightToWrong) / n,
    interval: [Math.max(-1, centre - half), Math.min(1, centre + half)],
    rightToWrong,
    wrongToRight,
    pValue: Math.min(1, 2 * tail),
  };
}
