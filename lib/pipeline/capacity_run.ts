/** A capacity search on one target, end to end: target and prompts, probes, curve, report. */
import { join } from "node:path";
import { constant, gamma, poisson } from "../load/mod.ts";
import { type CapacityDocument, figure, heading, percent, type ProbeRow } from "../metrics/mod.ts";
import { capacityChart, capacityWords, writeCapacityReport } from "../report/mod.ts";
import { toCsv } from "../std/csv.ts";
import { writeAtomic, writeJson } from "../std/files.ts";
import { type Slo, toRecord } from "../types/mod.ts";
import { searchCapacity } from "./capacity.ts";
import type { SearchOptions } from "./capacity_search.ts";
import type { RunOptions } from "./load_run.ts";
import { openTarget, type TargetSettings } from "./load_target.ts";
import { checkRunFolder, openRunFolder, type RunDocument, saveRun } from "./run_folder.ts";
import { inferOn, makeWorkload, type WorkloadSettings } from "./workload.ts";

export interface CapacitySettings {
  target: TargetSettings;
  workload: WorkloadSettings;
  search: SearchOptions;
  arrivals: "poisson" | "constant" | "gamma";
  /** Of gamma-distributed gaps. */
  shape: number;
  attainment: number;
  maxProbeRequests: number;
  maxProbeSeconds: number;
  minProbeSeconds: number;
  warmup: number;
  maxInFlight?: number;
  timeoutMs?: number;
  slo: Slo;
  seed: number;
}

/**
 * Runs a capacity search.
 * @throws {BadInput} for settings, data or a target that cannot be used, and for a folder that cannot be resumed; an
 * `Error` where every request failed.
 */
export async function runCapacity(
  settings: CapacitySettings,
  options: RunOptions,
): Promise<CapacityDocument> {
  const { outputDir, print, resume, signal } = options;
  const { slo, seed, shape, attainment } = settings;
  await checkRunFolder(outputDir, resume);
  print(heading("CAPACITY"));
  await using target = await openTarget(settings.target, options.apiKey);
  const workload = await makeWorkload(settings.workload, null, target, options);
  for (const line of [...target.lines, ...workload.lines]) print(`  ${line}`);
  const dataSource = workload.isSample ? "sample" : "benchmarks";

  const fingerprint = { ...toRecord(settings), ...target.fingerprint, ...workload.fingerprint };
  const earlier = await openRunFolder(outputDir, resume, fingerprint);
  const run: RunDocument = {
    status: "running",
    command: options.command,
    started_at: [...earlier?.started_at ?? [], new Date().toISOString()],
    data_source: dataSource,
    ...target.document,
    ...workload.document,
    fingerprint,
  };
  await saveRun(outputDir, run);

  print(`\n${HEAD}`);
  const capacity = await searchCapacity({
    ...settings.search,
    infer: inferOn(target.target),
    data: workload.data,
    inOrder: workload.inOrder,
    arrivalsAt: (rate) =>
      ({
        poisson: () => poisson(rate, seed),
        constant: () => constant(rate),
        gamma: () => gamma(rate, shape, seed),
      })
        [settings.arrivals](),
    slo,
    attainment,
    maxProbeRequests: settings.maxProbeRequests,
    maxProbeMs: 1000 * settings.maxProbeSeconds,
    minProbeMs: 1000 * settings.minProbeSeconds,
    maxInFlight: settings.maxInFlight,
    timeoutMs: settings.timeoutMs,
    warmup: settings.warmup,
    seed,
    outputDir,
    dataSource,
    onProbe: (probe) => print(probeLine(probe)),
    signal,
  });
  await writeAtomic(join(outputDir, "curve.csv"), curveCsv(capacity.curve));
  await writeJson(join(outputDir, "curve.vl.json"), capacityChart(capacity).spec);
  if (capacity.curve.every((probe) => probe.e2e_p50_ms === null)) {
    throw new Error(
      `Cannot call this search a success as a request must succeed: all failed, see ${outputDir}`,
    );
  }
  await saveRun(outputDir, { ...run, status: "complete" });
  print(`\n${capacityWords(capacity)}`);
  print(`Report: ${await writeCapacityReport(outputDir)}`);
  return capacity;
}

const HEAD = "  Requests/s  SLOs       Within  Judged  Seconds  TTFT p50/p99, ms  TPOT p50/p99, ms";

function probeLine(row: ProbeRow): string {
  const pair = (a: number | null, b: number | null, digits: number) =>
    `${figure(a, digits)}/${figure(b, digits)}`;
  const reason = { proven: "", queue_grows: "  the queue grows", limit: "  ended by its limits" }[row.reason];
  return `  ${figure(row.rate, 3).padEnd(12)}${row.verdict.padEnd(11)}${
    percent(row.attainment, 1).padEnd(8)
  }` +
    `${String(row.requests).padEnd(8)}${figure(row.duration_sec, 1).padEnd(9)}` +
    `${pair(row.ttft_p50_ms, row.ttft_p99_ms, 0).padEnd(18)}${
      pair(row.tpot_p50_ms, row.tpot_p99_ms, 1)
    }${reason}`;
}

/** A curve as CSV, a line a probe. */
export function curveCsv(curve: readonly ProbeRow[]): string {
  const rows = curve.map(({ attainment_ci: [lower, upper], ...row }) => ({
    ...row,
    attainment_ci_lower: lower,
    attainment_ci_upper: upper,
  }));
  const columns = rows.length ? Object.keys(rows[0]) as (keyof typeof rows[0])[] : [];
  return toCsv(columns, rows);
}
