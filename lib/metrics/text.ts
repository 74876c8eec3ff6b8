/** A level's metrics as the block of text that the terminal shows. */
import { DEFAULT_SLO } from "./slo.ts";
import {
  type Distribution,
  type Interval,
  type MetricsDocument,
  SCHEDULE_DELAY_LIMIT_MS,
} from "./document.ts";

const RULE = "=".repeat(80);

/** Gives a heading between rules. */
export function heading(title: string): string {
  return `${RULE}\n${title}\n${RULE}`;
}

/** Formats a figure; what cannot be told is `n/a`. */
export function figure(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined ? "n/a" : value.toFixed(digits);
}

/** Formats a share as a percentage. */
export function percent(share: number | null | undefined, digits = 2): string {
  return share === null || share === undefined ? "n/a" : `${(100 * share).toFixed(digits)}%`;
}

/** Formats a 95% interval; one without an upper bound is `>= x (n too small)`. */
export function intervalText([lower, upper]: Interval, format: (value: number) => string = figure): string {
  if (lower !== null && upper !== null) return `[${format(lower)}, ${format(upper)}]`;
  return lower === null ? "(n too small)" : `>= ${format(lower)} (n too small)`;
}

/** Names the limits that requests are judged by: `TTFT <= 2000 ms, TPOT <= 200 ms`. */
export function sloText(slo: MetricsDocument["summary"]["slo"]): string {
  const limits = ([["TTFT", slo.ttft_ms], ["TPOT", slo.tpot_ms], ["E2E", slo.e2e_ms]] as const)
    .filter(([, limit]) => limit !== null)
    .map(([name, limit]) => `${name} <= ${limit} ms`);
  if (limits.length === 0) return "none (every answer counts)";
  const ofMlperf = slo.ttft_ms === DEFAULT_SLO.ttftMs && slo.tpot_ms === DEFAULT_SLO.tpotMs &&
    slo.e2e_ms === null;
  return limits.join(", ") + (ofMlperf ? " (MLPerf's for a 70B model)" : "");
}

/** Gives the block of a level. */
export function metricsText(metrics: MetricsDocument): string {
  const { summary: s } = metrics;
  const line = (label: string, value: string, unit = "") =>
    `  ${label}:`.padEnd(21) + value.padStart(10) + unit;
  const share = (label: string, value: number | null) =>
    line(label, value === null ? "n/a" : (100 * value).toFixed(2), value === null ? "" : "%");
  const note = (label: string, text: string) => `  ${label}:`.padEnd(21) + text;
  const errors = Object.entries(s.errors).map(([kind, count]) => `${kind} ${count}`).join(", ");
  return [
    heading(`LOAD TEST RESULTS${s.concurrency === null ? "" : ` (Concurrency ${s.concurrency})`}`),
    "",
    "SUMMARY:",
    line("Total Requests", String(s.total_requests)),
    line("Successful", String(s.successful_requests)),
    share("Success Rate", s.success_rate),
    line("Total Duration", figure(s.duration_sec), " seconds"),
    line("Throughput", figure(s.throughput_tokens_per_sec), " tokens/sec"),
    share("SLO Compliance", s.slo_compliance),
    line("SLO Violations", String(s.slo_violations)),
    line("Request Rate", figure(s.throughput_requests_per_sec), " requests/sec"),
    line("Goodput", figure(s.goodput_requests_per_sec), " requests/sec"),
    note("SLO Limits", sloText(s.slo)),
    ...(s.data_source === "sample" ? [note("Data", "the sample questions that come with slolab")] : []),
    ...(errors ? [note("Errors", errors)] : []),
    ...(s.requests_without_tpot
      ? [note("Without TPOT", `${s.requests_without_tpot} (fewer than 2 tokens), judged on the other SLOs`)]
      : []),
    ...(s.truncated_prompts ? [note("Cut Prompts", `${s.truncated_prompts}`)] : []),
    ...(s.repeated_requests ? [note("Repeats", `${s.repeated_requests} of examples already sent`)] : []),
    ...(s.warmup_requests ? [note("Warm-up", `${s.warmup_requests} requests before, in no figure`)] : []),
    ...(s.excluded_requests.warmup + s.excluded_requests.cooldown
      ? [note(
        "Windows",
        `${s.excluded_requests.warmup} requests at the beginning and ${s.excluded_requests.cooldown} at the end, in no figure`,
      )]
      : []),
    ...(s.resumed ? [note("Resumed", `in ${s.segments.length} parts, the gaps in no figure`)] : []),
    "",
    "TTFT (Time-to-First-Token) in milliseconds:",
    ...distributionLines(metrics.ttft),
    "",
    "TPOT (Time-Per-Output-Token) in milliseconds:",
    ...distributionLines(metrics.tpot),
    "",
    "E2E Latency (End-to-End) in milliseconds:",
    ...distributionLines(metrics.e2e_latency),
    "",
    "Queue Wait (Scheduled-to-Admitted) in milliseconds:",
    ...distributionLines(metrics.queue_wait),
    "",
    "Brackets are 95% intervals by order statistics.",
    ...scheduleDelayWarning(metrics),
    "",
    RULE,
  ].join("\n");
}

/** Says where the client, not the target, set the pace. */
function scheduleDelayWarning({ schedule_delay: { p50, p99 } }: MetricsDocument): string[] {
  if (p50 === null || p50 <= SCHEDULE_DELAY_LIMIT_MS) return [];
  return [
    "",
    `WARNING: the client was the limit: it sent half of the requests more than ${
      figure(p50, 1)
    } ms after they ` +
    `were due (p99 ${figure(p99, 1)} ms). These figures measure the client.`,
  ];
}

function distributionLines(d: Distribution): string[] {
  if (d.count === 0) return ["  no request has one"];
  const line = (label: string, value: number | null, rest: string) =>
    `  ${label}:`.padEnd(7) + figure(value).padStart(9) + ` ms${rest}`;
  return [
    line("P99", d.p99, ` ${intervalText(d.p99_ci)}`),
    line("P95", d.p95, ` ${intervalText(d.p95_ci)}`),
    line("P50", d.p50, ` ${intervalText(d.p50_ci)}`),
    line("Mean", d.mean, d.std === null ? "" : ` (±${figure(d.std)})`),
  ];
}
