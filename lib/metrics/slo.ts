/** The limits that a run is judged by when it names none. */
import type { Slo } from "../types/mod.ts";

/**
 * MLPerf Inference's server limits for Llama-2-70B (on the p99), and none on the end-to-end latency.
 * @see https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc
 */
export const DEFAULT_SLO: Slo = { ttftMs: 2000, tpotMs: 200, e2eMs: null };
