/**
 * An evaluation alone: questions -> server -> accuracy, without load.
 *
 * Its folder holds what a baseline's does, but for the load tests: `run.json`, `predictions.jsonl`,
 * `eval_results.json`, `summary.json` and `report.html`.
 */
import { join } from "node:path";
import type { VariantName } from "../compress/variant.ts";
import type { EndpointConfig } from "../endpoint/mod.ts";
import type { MemoryRequest } from "../engine/memory_plan.ts";
import type { FormChoice } from "../engine/forms.ts";
import type { Device } from "../engine/ort.ts";
import { accuracyReport, type EvaluationResults, HeldOutEvaluator } from "../eval/mod.ts";
import { writeHtmlReport } from "../report/mod.ts";
import { writeJson } from "../std/files.ts";
import { toRecord } from "../types/mod.ts";
import { type DataOptions, lmEvalAsked, loadData, ownQuestions, type ProtocolSettings } from "./questions.ts";
import { checkRunFolder, openRunFolder, type RunDocument, saveRun } from "./run_folder.ts";
import { openServed } from "./served.ts";

/** What is asked of which model: all of it is in `run.json`, and must be equal for a run to be resumed. */
export interface EvaluationRunSettings extends ProtocolSettings, MemoryRequest {
  /** Of an endpoint: its address where it is to choose its model. */
  model: string;
  /** Null for an endpoint that stands for none. */
  variant: VariantName | null;
  /** A server that is asked in the engine's place. */
  endpoint?: EndpointConfig;
  /** A folder with its `tokenizer.json`: lm-eval's prompts are cut on the left with it where they are too long. */
  tokenizer?: string;
  device: Device;
  /** Default `blocks`. */
  form?: FormChoice;
  tune?: boolean;
  mmluMaxTokens: number;
  gsm8kMaxTokens: number;
  /** Questions of each data set, drawn evenly over the strata (default: all). */
  mmluLimit?: number;
  gsm8kLimit?: number;
  /** lm-eval: the first so many documents of each of its tasks (default: all). */
  limit?: number;
  seed: number;
}

export interface EvaluationRunOptions extends DataOptions {
  outputDir: string;
  resume: boolean;
  /** How to repeat the run. */
  command: string;
  /** The endpoint's (default: the environment's). */
  apiKey?: string;
  signal?: AbortSignal;
}

/**
 * Evaluates a variant or an endpoint.
 * @throws {BadInput} for settings, data or a model that cannot be used, and for a folder that cannot be resumed.
 */
export async function runEvaluation(
  settings: EvaluationRunSettings,
  options: EvaluationRunOptions,
): Promise<EvaluationResults> {
  const { outputDir, resume, print, signal } = options;
  await checkRunFolder(outputDir, resume);
  const questions = settings.protocol === "lm-eval"
    ? await lmEvalAsked(settings, options, settings.limit)
    : ownQuestions(await loadData(options), settings);
  if (questions.isSample) print("These are the sample questions, not those of MMLU and GSM8K.");

  await using served = await openServed({ ...settings, prefixCache: "on" }, questions, options);
  served.prepare("evaluation");
  const fingerprint = {
    ...toRecord(settings),
    ...served.identity,
    questions_sha256: questions.dataSha256,
  };
  const evaluator = new HeldOutEvaluator(served.target, questions.asked, {
    ...served.evaluatorOptions,
    mmluMaxTokens: settings.mmluMaxTokens,
    gsm8kMaxTokens: settings.gsm8kMaxTokens,
    mmluLimit: settings.mmluLimit,
    gsm8kLimit: settings.gsm8kLimit,
    seed: settings.seed,
    predictionsPath: join(outputDir, "predictions.jsonl"),
    resume,
    fingerprint,
    signal,
  });
  const earlier = await openRunFolder(outputDir, resume, fingerprint);
  const dataSource = questions.isSample ? "sample" : "benchmarks";
  const run: RunDocument = {
    status: "running",
    command: options.command,
    started_at: [...earlier?.started_at ?? [], new Date().toISOString()],
    data_source: dataSource,
    ...served.description,
    questions: questions.sources,
    fingerprint,
  };
  await saveRun(outputDir, run);

  const results = await evaluator.evaluate();
  await writeJson(join(outputDir, "eval_results.json"), { ...results, data_source: dataSource });
  await writeJson(join(outputDir, "summary.json"), {
    load_test_summary: [],
    eval_results: results,
    data_source: dataSource,
  });
  await saveRun(outputDir, { ...run, status: "complete" });
  print(accuracyReport(results));
  print(`Report: ${await writeHtmlReport(outputDir)}`);
  return results;
}
