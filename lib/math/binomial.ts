/** The binomial distribution, exact, for intervals of proportions and quantiles. */

/**
 * Gives P(B = k) for the k around the mode whose probability matters (at least 1e-20 of the mode's).
 *
 * Walks outwards from the mode by the ratio of neighbours and normalises: no factorials, and about 20 standard
 * deviations of work, so n may be in the millions.
 * @returns probabilities[i] = P(B = from + i)
 */
export function binomialProbabilities(n: number, p: number): { from: number; probabilities: Float64Array } {
  if (p <= 0 || p >= 1) return { from: p <= 0 ? 0 : n, probabilities: Float64Array.of(1) };
  const mode = Math.min(n, Math.floor((n + 1) * p));
  const odds = p / (1 - p);
  const below: number[] = [], above: number[] = [];
  for (let k = mode, w = 1; k > 0 && w > 1e-20; k--) below.push(w *= k / ((n - k + 1) * odds));
  for (let k = mode, w = 1; k < n && w > 1e-20; k++) above.push(w *= (n - k) * odds / (k + 1));
  const probabilities = Float64Array.from([...below.reverse(), 1, ...above]);
  const total = probabilities.reduce((a, b) => a + b);
  return { from: mode - below.length, probabilities: probabilities.map((w) => w / total) };
}
