/** One level of load under one pattern, end to end: target and prompts, records, metrics, report. */
import { join } from "node:path";
import { ClosedLoopLoadGenerator, OpenLoopLoadGenerator } from "../load/mod.ts";
import { heading, MetricsCalculator, type MetricsSummary } from "../metrics/mod.ts";
import { writeLoadReport } from "../report/mod.ts";
import { writeJson } from "../std/files.ts";
import { type Slo, toRecord } from "../types/mod.ts";
import { type PatternSettings, planPattern } from "./load_pattern.ts";
import { openTarget, type TargetSettings } from "./load_target.ts";
import type { DataOptions } from "./questions.ts";
import { checkRunFolder, openRunFolder, type RunDocument, saveRun } from "./run_folder.ts";
import { inferOn, makeWorkload, type WorkloadSettings } from "./workload.ts";

/** What a load run is asked to do: all of it must be equal for a run to be resumed. */
export interface LoadRunSettings {
  target: TargetSettings;
  pattern: PatternSettings;
  workload: WorkloadSettings;
  /** Requests before the level, in no figure. */
  warmup: number;
  /** Windows of the level that are in no figure. */
  warmupSeconds: number;
  cooldownSeconds: number;
  maxInFlight?: number;
  timeoutMs?: number;
  /** Keeps the gaps between tokens in the request records: exports have inter-token latencies then. */
  itls?: boolean;
  slo: Slo;
  seed: number;
}

export interface RunOptions extends DataOptions {
  outputDir: string;
  resume: boolean;
  /** How to repeat the run, for the report. */
  command: string;
  apiKey?: string;
  signal?: AbortSignal;
}

/** `summary.json` of a load run. */
export interface LoadRunSummary {
  /** Names the level's files. */
  level: string;
  load: Record<string, unknown>;
  /** Coefficient of variation of the planned gaps; null for a closed loop. */
  arrival_cv: number | null;
  /** Prompts and answers that were cut to the context. */
  clipped: { prompts: number; answers: number };
  summary: MetricsSummary;
  data_source: "benchmarks" | "sample" | "synthetic";
}

/**
 * Runs one level of load.
 * @throws {BadInput} for settings, data or a target that cannot be used, and for a folder that cannot be resumed; an
 * `Error` where every request failed.
 */
export async function runLoad(settings: LoadRunSettings, options: RunOptions): Promise<LoadRunSummary> {
  const { outputDir, print, resume, signal } = options;
  await checkRunFolder(outputDir, resume);
  const planned = await planPattern(settings.pattern);
  const isOpen = planned.kind === "open";
  print(heading(`LOAD: ${planned.level.toUpperCase().replaceAll("_", " ")}`));
  await using target = await openTarget(settings.target, options.apiKey);
  const workload = await makeWorkload(settings.workload, isOpen ? planned.lengths : null, target, options);
  for (const line of [...target.lines, ...planned.notes, ...workload.lines]) print(`  ${line}`);
  const dataSource = workload.isSample
    ? "sample"
    : settings.workload.prompts === "synthetic"
    ? "synthetic"
    : "benchmarks";

  const own = { ...target.fingerprint, ...workload.fingerprint };
  const fingerprint = { ...toRecord(settings), ...own };
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

  const level = {
    infer: inferOn(target.target),
    data: workload.data,
    inOrder: workload.inOrder,
    seed: settings.seed,
    warmup: settings.warmup,
    warmupMs: 1000 * settings.warmupSeconds,
    cooldownMs: 1000 * settings.cooldownSeconds,
    timeoutMs: settings.timeoutMs,
    itls: settings.itls,
    level: planned.level,
    numRequests: planned.numRequests,
    requestsPath: join(outputDir, `requests_${planned.level}.jsonl`),
    resume,
    fingerprint: own,
    signal,
  };
  const load = isOpen
    ? new OpenLoopLoadGenerator({ ...level, arrivals: planned.arrivals, maxInFlight: settings.maxInFlight })
    : new ClosedLoopLoadGenerator({
      ...level,
      maxConcurrency: planned.concurrency,
      thinkTimeMs: planned.thinkTimeMs,
    });
  const records = await load.run();
  const calculator = new MetricsCalculator(records, settings.slo, {
    concurrency: isOpen ? undefined : planned.concurrency,
    dataSource,
    ...load.summary,
  });
  await calculator.saveMetrics(join(outputDir, `metrics_${planned.level}.json`));
  calculator.printReport(print);
  const summary: LoadRunSummary = {
    level: planned.level,
    load: load.summary.load,
    arrival_cv: isOpen ? planned.arrivalCv : null,
    clipped: workload.clipped,
    summary: calculator.computeAllMetrics().summary,
    data_source: dataSource,
  };
  await writeJson(join(outputDir, "summary.json"), summary);
  await saveRun(outputDir, { ...run, status: "complete" });
  print(`Report: ${await writeLoadReport(outputDir)}`);
  if (records.every((r) => r.error !== null)) {
    throw new Error(`Cannot call this run a success as a request must succeed: all failed, see ${outputDir}`);
  }
  return summary;
}
