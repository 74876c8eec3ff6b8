/** What a run folder holds, as plain documents: all that the report is made from. */
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJson } from "../std/files.ts";
import { readRequestRecords } from "../load/mod.ts";
import { type LoadTestSummary, type MetricsDocument, readMetrics } from "../metrics/mod.ts";
import type { RequestRecord } from "../types/mod.ts";

/** A row of `eval_results.json`: exact match over some questions. */
export interface AccuracyRow {
  accuracy: number | null;
  correct_count: number;
  total_count: number;
  wilson_95?: [lower: number, upper: number] | null;
}
/** Exact match over a data set. */
export interface AccuracyDocument extends AccuracyRow {
  em?: number | null;
  unparsable_rate?: number | null;
  truncated_rate?: number | null;
  by_category?: Record<string, AccuracyRow>;
  by_difficulty?: Record<string, AccuracyRow>;
  by_subject?: Record<string, AccuracyRow>;
}
/** `eval_results.json`; other keys of the file are left alone. */
export interface EvaluationDocument {
  mmlu?: AccuracyDocument;
  gsm8k?: AccuracyDocument;
  overall?: AccuracyDocument;
  protocol?: string;
  chat_template_applied?: boolean;
  shots?: { mmlu: number; gsm8k: number };
}

/** `summary.json`. */
export interface SummaryDocument {
  load_test_summary: LoadTestSummary[];
  eval_results: EvaluationDocument | null;
  /** Where the questions came from; `sample`: those that come with slolab. */
  data_source?: string;
}

/** What the report reads of `run.json` by name; everything else is listed as it is. */
export interface RunInfo {
  command?: string;
  model?: { name?: string };
  variant?: string;
  device?: string;
  endpoint?: { base_url: string };
  machine?: { cpu?: string; cores?: number; memory_gb?: number; os?: string; arch?: string };
  started_at?: string[];
  status?: string;
  [key: string]: unknown;
}

export interface Level {
  concurrency: number;
  row: LoadTestSummary;
  metrics: MetricsDocument | null;
  records: RequestRecord[];
}

export interface RunDocuments {
  dir: string;
  run: RunInfo;
  summary: SummaryDocument;
  /** By concurrency. */
  levels: Level[];
  evaluation: EvaluationDocument | null;
  isSample: boolean;
}

/**
 * Reads a run folder; files other than `summary.json` may be absent.
 * @throws {BadInput} where there is no summary, or a file is not what its name says.
 */
export async function readRun(dir: string): Promise<RunDocuments> {
  const read = async <T>(name: string) =>
    await exists(join(dir, name)) ? await readJson<T>(join(dir, name)) : null;
  const summary = await read<SummaryDocument>("summary.json");
  if (summary === null) {
    throw new BadInput(
      `Cannot report on ${dir} as it must hold the summary.json of a finished run: there is none`,
    );
  }
  if (!Array.isArray(summary.load_test_summary)) {
    throw new BadInput(
      `Cannot report on ${dir} as summary.json must hold load_test_summary: its keys are ${
        Object.keys(summary).join(", ")
      }`,
    );
  }
  const levels: Level[] = [];
  for (const row of summary.load_test_summary.toSorted((a, b) => a.concurrency - b.concurrency)) {
    const requests = join(dir, `requests_concurrency_${row.concurrency}.jsonl`);
    levels.push({
      concurrency: row.concurrency,
      row,
      metrics: await readMetrics(join(dir, `metrics_concurrency_${row.concurrency}.json`)),
      records: await exists(requests) ? await readRequestRecords(requests) : [],
    });
  }
  const run = await read<RunInfo>("run.json") ?? {};
  return {
    dir,
    run,
    summary,
    levels,
    evaluation: await read<EvaluationDocument>("eval_results.json") ?? summary.eval_results,
    isSample: summary.data_source === "sample",
  };
}

/** The data sets of an evaluation that have answers, with their names for people. */
export function datasetsOf(
  evaluation: EvaluationDocument | null,
): { key: "mmlu" | "gsm8k" | "overall"; name: string; accuracy: AccuracyDocument }[] {
  return (["mmlu", "gsm8k", "overall"] as const).flatMap((key) => {
    const accuracy = evaluation?.[key];
    return accuracy && accuracy.total_count > 0 ? [{ key, name: key.toUpperCase(), accuracy }] : [];
  });
}
