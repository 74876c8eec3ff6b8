/**
 * The metrics document of a load level, `metrics_concurrency_N.json`, with the keys that its readers know.
 * All durations are in ms unless a key says otherwise; what cannot be told is null, never 0 or NaN.
 */

export const PERCENTILES = [50, 75, 90, 95, 99] as const;
export type Percentile = `p${(typeof PERCENTILES)[number]}`;

/** 95% interval by order statistics; a bound is null where there are too few values for one. */
export type Interval = [lower: number | null, upper: number | null];

/** One metric over the successful requests that have it. */
export type Distribution =
  & Record<Percentile | "mean" | "std" | "min" | "max", number | null>
  & Record<`${Percentile}_ci`, Interval>
  & { count: number };

export interface MetricsDocument {
  summary: MetricsSummary;
  /** First token - dispatched. */
  ttft: Distribution;
  /** First token - scheduled; an SLO's TTFT is judged on this one. */
  ttft_from_scheduled: Distribution;
  /** (Last token - first token) / (content tokens - 1); requests with one content token have none. */
  tpot: Distribution;
  /** Last token - scheduled. */
  e2e_latency: Distribution;
  /** Admitted - scheduled; empty where the target does not say when it admits. */
  queue_wait: Distribution;
  /** Dispatched - scheduled, less what `maxInFlight` held back, of all requests: how late the client itself was. */
  schedule_delay: Distribution;
}

/** A client whose median schedule delay passes this measures itself. */
export const SCHEDULE_DELAY_LIMIT_MS = 10;

export interface MetricsSummary {
  concurrency: number | null;
  /** `sample` where the questions are those that come with slolab. */
  data_source: string | null;
  total_requests: number;
  successful_requests: number;
  failed_requests: number;
  success_rate: number | null;
  duration_sec: number | null;
  /** Successful requests. */
  throughput_requests_per_sec: number | null;
  /** Output tokens of successful requests, end tokens included. */
  throughput_tokens_per_sec: number | null;
  total_input_tokens: number;
  total_output_tokens: number;
  slo: { ttft_ms: number | null; tpot_ms: number | null; e2e_ms: number | null };
  /** Requests that met every SLO they have / requests sent: failures miss. */
  slo_compliance: number | null;
  /** Wilson's 95% interval. */
  slo_compliance_ci: Interval;
  slo_violations: number;
  /** A request may miss several. */
  slo_violations_by: { ttft: number; tpot: number; e2e: number; error: number };
  /** Requests that met every SLO they have / duration. */
  goodput_requests_per_sec: number | null;
  errors: Record<string, number>;
  /** Successful requests without a TPOT, judged on the SLOs that they do have. */
  requests_without_tpot: number;
  /** Requests whose prompt was cut to the context. */
  truncated_prompts: number;
  /** Requests whose example had been sent before in this level. */
  repeated_requests: number;
  /** Sent before the level, in no figure. */
  warmup_requests: number;
  /** Scheduled in the windows at the level's beginning and end, in no figure; the duration is what lies between. */
  excluded_requests: { warmup: number; cooldown: number };
  /** Whether the level was broken off and taken up again; the gaps are in no figure. */
  resumed: boolean;
  segments: { from_ms: number; started_at: string }[];
}

/** A level's row of `summary.json`'s `load_test_summary`. */
export interface LoadTestSummary {
  concurrency: number;
  num_requests: number;
  duration_sec: number | null;
  success_rate: number | null;
  throughput_tokens_per_sec: number | null;
  ttft_p99_ms: number | null;
  tpot_p95_ms: number | null;
  e2e_p99_ms: number | null;
  slo_compliance: number | null;
  slo_violations: number;
}

/** Gives a level's row of `summary.json`. */
export function summarizeLevel(concurrency: number, metrics: MetricsDocument): LoadTestSummary {
  const { summary, ttft, tpot, e2e_latency } = metrics;
  return {
    concurrency,
    num_requests: summary.total_requests,
    duration_sec: summary.duration_sec,
    success_rate: summary.success_rate,
    throughput_tokens_per_sec: summary.throughput_tokens_per_sec,
    ttft_p99_ms: ttft.p99,
    tpot_p95_ms: tpot.p95,
    e2e_p99_ms: e2e_latency.p99,
    slo_compliance: summary.slo_compliance,
    slo_violations: summary.slo_violations,
  };
}
