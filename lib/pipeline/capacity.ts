/**
 * The highest rate at which a share of requests meets its SLOs: probes of open-loop load, each ended as soon as it is
 * judged, and a search over their verdicts.
 *
 * ```
 * probes.jsonl            one line a judged probe; what a broken search goes on from
 * requests_probe_3.jsonl  the records of the third, metrics_probe_3.json its metrics
 * capacity.json           the capacity with its interval, and the curve
 * curve.csv, curve.vl.json
 * ```
 * A probe that was broken off is run again from its beginning, as the target was empty in between; what it left is
 * kept as `broken_probe_N.<n>.jsonl`.
 */
import { join } from "node:path";
import {
  type Arrivals,
  type Infer,
  type LoadItem,
  OpenLoopLoadGenerator,
  planArrivals,
  sequenceOf,
} from "../load/mod.ts";
import { type CapacityDocument, MetricsCalculator, ProbeJudge, type ProbeRow } from "../metrics/mod.ts";
import { wilson } from "../math/mod.ts";
import { AppendLog } from "../std/append_log.ts";
import { exists, writeJson } from "../std/files.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import { boundsOf, nextRate, type SearchOptions } from "./capacity_search.ts";

export interface CapacityOptions<T extends LoadItem> extends SearchOptions {
  infer: Infer<T>;
  data: readonly T[];
  inOrder?: boolean;
  /** The arrivals of a probe, endless. */
  arrivalsAt: (rate: number) => Arrivals;
  slo: Slo;
  /** Share of requests that must meet every SLO, above 0 and below 1. */
  attainment: number;
  /** A probe ends undecided after so many requests, or so long. */
  maxProbeRequests: number;
  maxProbeMs: number;
  /** No rate is called met before. */
  minProbeMs: number;
  maxInFlight?: number;
  timeoutMs?: number;
  /** Requests before each probe, in no figure. */
  warmup: number;
  seed: number;
  outputDir: string;
  dataSource?: string;
  /** See what is sent, the search's progress. */
  onProbe?: (probe: ProbeRow) => void;
  signal?: AbortSignal;
  now?: () => number;
  setTimer?: (callback: () => void, ms: number) => () => void;
  onProgress?: (done: number, total: number) => void;
}

const KIND = {
  noun: "a probe",
  isRecord: (r: Record<string, unknown>) =>
    typeof r.probe === "number" && typeof r.rate === "number" && typeof r.verdict === "string",
};

/**
 * Searches the capacity, going on from the probes that the folder holds.
 * @throws {BadInput} for options out of range; the signal's reason where it was stopped.
 */
export async function searchCapacity<T extends LoadItem>(
  options: CapacityOptions<T>,
): Promise<CapacityDocument> {
  const { outputDir, slo, attainment } = options;
  const { log, records } = await AppendLog.open(join(outputDir, "probes.jsonl"), true, KIND);
  const probes = records as unknown as ProbeRow[];
  try {
    for (let rate; (rate = nextRate(probes, options)) !== null;) {
      const row = await runProbe(probes.length + 1, rate, options);
      log.append({ ...row });
      probes.push(row);
      options.onProbe?.(row);
    }
  } finally {
    log.close();
  }
  const { lower, upper, undecided } = boundsOf(probes);
  const document: CapacityDocument = {
    capacity_requests_per_sec: lower,
    interval: [lower, upper],
    undecided_rates: undecided,
    attainment,
    slo: { ttft_ms: slo.ttftMs, tpot_ms: slo.tpotMs, e2e_ms: slo.e2eMs },
    curve: probes.toSorted((a, b) => a.rate - b.rate),
  };
  await writeJson(join(outputDir, "capacity.json"), document);
  return document;
}

async function runProbe<T extends LoadItem>(
  probe: number,
  rate: number,
  options: CapacityOptions<T>,
): Promise<ProbeRow> {
  const { outputDir, slo, attainment, minProbeMs } = options;
  const requestsPath = join(outputDir, `requests_probe_${probe}.jsonl`);
  await setAside(outputDir, probe);
  const arrivals = options.arrivalsAt(rate);
  const ends = { numRequests: options.maxProbeRequests, durationMs: options.maxProbeMs };
  const judge = new ProbeJudge({ slo, attainment, plan: planArrivals(arrivals, ends), minMs: minProbeMs });
  const { infer, data, inOrder, maxInFlight, timeoutMs, warmup, seed, signal, now, setTimer, onProgress } =
    options;
  const load = new OpenLoopLoadGenerator<T>({
    ...{ infer, data, inOrder, maxInFlight, timeoutMs, warmup, seed, signal, now, setTimer, onProgress },
    ...ends,
    arrivals,
    level: `probe_${probe}`,
    requestsPath,
    // What is in flight as the probe is judged is aborted: it is in no figure.
    onRecord: (record) => judge.add(sequenceOf(record.requestId), record) ? "abort" : undefined,
  });
  const records = (await load.run()).filter((r) => r.error?.kind !== "stopped");
  const metrics = new MetricsCalculator(records, slo, { dataSource: options.dataSource, ...load.summary });
  await metrics.saveMetrics(join(outputDir, `metrics_probe_${probe}.json`));
  return rowOf(probe, rate, judge, metrics, records);
}

function rowOf(
  probe: number,
  rate: number,
  judge: ProbeJudge,
  calculator: MetricsCalculator,
  records: readonly RequestRecord[],
): ProbeRow {
  const { verdict, reason, requests, violations } = judge.end();
  const { summary, ttft_from_scheduled: ttft, tpot, e2e_latency: e2e, schedule_delay } = calculator
    .computeAllMetrics();
  return {
    probe,
    rate,
    verdict,
    reason,
    requests,
    violations,
    attainment: requests > 0 ? 1 - violations / requests : null,
    attainment_ci: wilson(requests - violations, requests) ?? [null, null],
    total_requests: records.length,
    duration_sec: summary.duration_sec,
    throughput_requests_per_sec: summary.throughput_requests_per_sec,
    throughput_tokens_per_sec: summary.throughput_tokens_per_sec,
    goodput_requests_per_sec: summary.goodput_requests_per_sec,
    ttft_p50_ms: ttft.p50,
    ttft_p90_ms: ttft.p90,
    ttft_p99_ms: ttft.p99,
    tpot_p50_ms: tpot.p50,
    tpot_p90_ms: tpot.p90,
    tpot_p99_ms: tpot.p99,
    e2e_p50_ms: e2e.p50,
    e2e_p90_ms: e2e.p90,
    e2e_p99_ms: e2e.p99,
    schedule_delay_p50_ms: schedule_delay.p50,
  };
}

/** Puts what a broken probe left under another name. */
async function setAside(dir: string, probe: number): Promise<void> {
  if (!await exists(join(dir, `requests_probe_${probe}.jsonl`))) return;
  let n = 1;
  while (await exists(join(dir, `broken_probe_${probe}.${n}.jsonl`))) n++;
  for (const ending of ["jsonl", "level.json"]) {
    const path = join(dir, `requests_probe_${probe}.${ending}`);
    if (await exists(path)) await Deno.rename(path, join(dir, `broken_probe_${probe}.${n}.${ending}`));
  }
}
