/** What a capacity search leaves: its probes and what they say. What cannot be told is null. */
import type { Interval } from "./document.ts";
import type { ProbeReason, ProbeVerdict } from "./probe_judge.ts";

/** One probe, as `probes.jsonl` and `capacity.json` hold it. Latencies are those of answered requests, in ms. */
export interface ProbeRow {
  probe: number;
  /** Requests a second that were planned. */
  rate: number;
  verdict: ProbeVerdict;
  reason: ProbeReason;
  /** What the verdict rests on. */
  requests: number;
  violations: number;
  attainment: number | null;
  /** Wilson's 95% interval. */
  attainment_ci: Interval;
  /** Requests answered or failed before the probe ended. */
  total_requests: number;
  duration_sec: number | null;
  throughput_requests_per_sec: number | null;
  throughput_tokens_per_sec: number | null;
  goodput_requests_per_sec: number | null;
  /** First token - scheduled. */
  ttft_p50_ms: number | null;
  ttft_p90_ms: number | null;
  ttft_p99_ms: number | null;
  tpot_p50_ms: number | null;
  tpot_p90_ms: number | null;
  tpot_p99_ms: number | null;
  e2e_p50_ms: number | null;
  e2e_p90_ms: number | null;
  e2e_p99_ms: number | null;
  schedule_delay_p50_ms: number | null;
}

/** `capacity.json`. */
export interface CapacityDocument {
  /** The highest rate that was proven to be carried, requests a second; null where none was. */
  capacity_requests_per_sec: number | null;
  /** It and the lowest rate above it that is not carried; null where no rate was found to be. */
  interval: Interval;
  /** Rates within the interval that could not be judged. */
  undecided_rates: number[];
  attainment: number;
  slo: { ttft_ms: number | null; tpot_ms: number | null; e2e_ms: number | null };
  /** Ascending by rate: latency against rate. */
  curve: ProbeRow[];
}
