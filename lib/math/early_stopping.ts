/**
 * When is a share proven? MLPerf's early stopping: a sample proves that at least a share p of all requests meets a
 * limit where so few violations would come with a probability of at most 1 - c if exactly p did.
 * @see https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc, "Early stopping"
 */
import { binomialProbabilities } from "./binomial.ts";

/** MLPerf's confidence. */
export const EARLY_STOPPING_CONFIDENCE = 0.99;

/** P(B <= k) of the binomial distribution. */
export function binomialCdf(k: number, n: number, p: number): number {
  const { from, probabilities } = binomialProbabilities(n, p);
  if (k >= from + probabilities.length - 1) return 1;
  let sum = 0;
  for (let i = 0; from + i <= k; i++) sum += probabilities[i];
  return sum;
}

/** Whether `violations` among `count` requests prove that at least a share `p` of all meets the limit. */
export function provesShare(
  violations: number,
  count: number,
  p: number,
  confidence = EARLY_STOPPING_CONFIDENCE,
): boolean {
  return count > 0 && binomialCdf(violations, count, 1 - p) <= 1 - confidence;
}

/** Whether `violations` among `count` requests prove that fewer than a share `p` of all meet the limit. */
export function disprovesShare(
  violations: number,
  count: number,
  p: number,
  confidence = EARLY_STOPPING_CONFIDENCE,
): boolean {
  // P(B >= violations), summed from the meeting side so that small tails stay exact.
  return violations > 0 && binomialCdf(count - violations, count, p) <= 1 - confidence;
}

/** The fewest requests that prove a share with so many violations among them: 459 for a p99 and none. */
export function fewestRequests(
  violations: number,
  p: number,
  confidence = EARLY_STOPPING_CONFIDENCE,
): number {
  let high = Math.max(1, violations + 1);
  while (!provesShare(violations, high, p, confidence)) high *= 2;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (provesShare(violations, middle, p, confidence)) high = middle;
    else low = middle;
  }
  return high;
}
