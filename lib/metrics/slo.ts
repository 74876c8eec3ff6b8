/** The limits that a run is judged by when it names none. */
import type { RequestRecord, Slo } from "../types/mod.ts";

/**
 * MLPerf Inference's server limits for Llama-2-70B (on the p99), and none on the end-to-end latency.
 * @see https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc
 */
export const DEFAULT_SLO: Slo = { ttftMs: 2000, tpotMs: 200, e2eMs: null };

/** Says which limits an answered request exceeds; a metric that it does not have cannot miss its limit. */
export function missesOf(r: RequestRecord, slo: Slo): { ttft: boolean; tpot: boolean; e2e: boolean } {
  return {
    ttft: exceeds(r.ttftFromScheduledMs ?? r.ttftMs, slo.ttftMs),
    tpot: exceeds(r.tpotMs, slo.tpotMs),
    e2e: exceeds(r.e2eLatencyMs, slo.e2eMs),
  };
}

const exceeds = (value: number | null, limit: number | null) =>
  value !== null && limit !== null && value > limit;

/** Whether a request was answered within every limit: what goodput and attainment count. */
export function meetsSlo(r: RequestRecord, slo: Slo): boolean {
  const { ttft, tpot, e2e } = missesOf(r, slo);
  return r.error === null && !ttft && !tpot && !e2e;
}
