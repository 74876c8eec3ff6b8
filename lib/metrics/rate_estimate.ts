/** Rates over a level (throughput, goodput) with intervals. */
import { type Estimate, std } from "../math/mod.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import type { LevelSample } from "./compare_levels.ts";
import type { Unit } from "./difference.ts";
import type { MetricsDocument } from "./document.ts";
import { meetsSlo } from "./slo.ts";

/** What a request adds to a rate, between two instants. */
type Addition = (r: RequestRecord, slo: Slo) => { amount: number; from: number; to: number };

/** The rates of a level: key of the summary, unit, what a request adds. */
export const RATES = [
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

/**
 * Gives a rate over the level, its interval from batch means; without one where there are too few requests.
 * @see Law 2015, Simulation Modeling and Analysis, 5th ed., section 9.5.3
 */
export function rateEstimate(
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
  // Without its warm-up window a level begins where the first request that counts was planned.
  const beginsAt = summary.excluded_requests?.warmup
    ? records.reduce((first, r) => Math.min(first, r.scheduledAt), Infinity)
    : 0;
  for (const r of records) {
    if (r.error !== null) continue;
    const added = addition(r, slo);
    const { amount } = added, from = added.from - beginsAt, to = added.to - beginsAt;
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
