/**
 * The baseline, end to end: data -> server -> load tests -> accuracy -> files and report.
 *
 * Every step leaves its result on disk as it ends, so that a broken run goes on with `resume`. Load is drawn from
 * the validation split, accuracy is measured on the test split.
 */
import { join } from "node:path";
import type { VariantName } from "../compress/variant.ts";
import type { Device } from "../engine/ort.ts";
import type { Overlong } from "../engine/engine.ts";
import type { FormChoice } from "../engine/forms.ts";
import type { EndpointConfig } from "../endpoint/mod.ts";
import { accuracyReport, type EvaluationResults, HeldOutEvaluator } from "../eval/mod.ts";
import { ClosedLoopLoadGenerator } from "../load/mod.ts";
import { heading, type LoadTestSummary, MetricsCalculator, summarizeLevel } from "../metrics/mod.ts";
import { buildPrompt, promptHash, TEMPLATE_VERSIONS, toMessages } from "../prompts/mod.ts";
import { finalReport, writeHtmlReport } from "../report/mod.ts";
import { sha256, writeJson } from "../std/files.ts";
import { type Example, type Generation, type InferenceTarget, type Slo, toRecord } from "../types/mod.ts";
import { dataHash, lmEvalAsked, loadData, ownQuestions, type ProtocolSettings } from "./questions.ts";
import { checkRunFolder, openRunFolder, type RunDocument, saveRun } from "./run_folder.ts";
import { openServed, titleOf } from "./served.ts";

/** What a run is asked to do: all of it is in `run.json`, and must be equal for a run to be resumed. */
export interface BaselineSettings extends ProtocolSettings {
  preset: string;
  /** Of an endpoint: its address where it is to choose its model. */
  model: string;
  /** Null for an endpoint that stands for none. */
  variant: VariantName | null;
  /** A server that is driven in the engine's place. */
  endpoint?: EndpointConfig;
  /** A folder with its `tokenizer.json`: lm-eval's prompts are cut on the left with it where they are too long. */
  tokenizer?: string;
  /** Default `blocks`. */
  form?: FormChoice;
  tune?: boolean;
  device: Device;
  slots?: number;
  context?: number;
  /** Bytes for the KV cache. */
  kvMemory?: number;
  /** Default: off in the load tests, on in the evaluation. */
  prefixCache?: "on" | "off";
  overlong: Overlong;
  concurrencies: number[];
  numRequests: number;
  /** Requests before each level, in no figure. */
  warmup: number;
  /** Keeps the gaps between tokens in the request records: exports have inter-token latencies then. */
  itls?: boolean;
  /** Most output tokens of a request under load; null takes the evaluation's for its data set. */
  loadMaxTokens: number | null;
  mmluMaxTokens: number;
  gsm8kMaxTokens: number;
  /** Questions of the test split; null is all of them. */
  mmluLimit: number | null;
  gsm8kLimit: number | null;
  /** Most examples of each split; null is all of them. */
  dataSubset: number | null;
  slo: Slo;
  seed: number;
}

export interface BaselineOptions {
  outputDir: string;
  resume: boolean;
  preprocess: boolean;
  rawDir?: string;
  dataDir?: string;
  /** How to repeat the run, for the report. */
  command: string;
  /** The endpoint's (default: the environment's). */
  apiKey?: string;
  /** Prints for a person. */
  print: (text: string) => void;
  signal?: AbortSignal;
}

/** `summary.json`. */
export interface BaselineSummary {
  load_test_summary: LoadTestSummary[];
  eval_results: EvaluationResults | null;
  /** `benchmarks`, or `sample` for the questions that come with slolab. */
  data_source: "benchmarks" | "sample";
}

export interface BaselineResult {
  summary: BaselineSummary;
  /** Path of `report.html`. */
  report: string;
}

/**
 * Runs the baseline.
 * @throws {BadInput} for settings, data or a model that cannot be used, and for a folder that cannot be resumed.
 */
export async function runBaseline(
  settings: BaselineSettings,
  options: BaselineOptions,
): Promise<BaselineResult> {
  const { outputDir, print, signal } = options;
  await checkRunFolder(outputDir, options.resume);
  print(heading(`END-TO-END BASELINE EVALUATION: ${titleOf(settings)}`));

  print("\n[STEP 1] LOADING DATA");
  const data = await loadData(options);
  const take = (examples: Example[]) => examples.slice(0, settings.dataSubset ?? undefined);
  const [val, test] = [take(data.val), take(data.test)];
  print(`  Loaded data: train=${data.train.length}, val=${val.length}, test=${test.length}`);
  const questions = settings.protocol === "lm-eval"
    ? await lmEvalAsked(settings, options)
    : ownQuestions(data, settings, test);
  const isSample = data.isSample || questions.isSample;
  if (isSample) {
    print("  THIS IS THE SAMPLE, NOT THE BENCHMARKS: no figure below is one over MMLU or GSM8K");
  }

  print("\n[STEP 2] INITIALIZING SERVER");
  await using served = await openServed(settings, questions, options);
  const { target } = served;

  const fingerprint = {
    ...toRecord(settings),
    ...served.identity,
    data_sha256: dataHash(data),
    ...(settings.protocol === "lm-eval" && { questions_sha256: questions.dataSha256 }),
    template_versions: TEMPLATE_VERSIONS,
  };
  const earlier = await openRunFolder(outputDir, options.resume, fingerprint);
  const dataSource = isSample ? "sample" : "benchmarks";
  const run: RunDocument = {
    status: "running",
    command: options.command,
    started_at: [...earlier?.started_at ?? [], new Date().toISOString()],
    data_source: dataSource,
    ...served.description,
    data: {
      dir: data.dir,
      sources: data.manifest.sources,
      counts: data.manifest.counts,
      split_seed: data.manifest.seed,
    },
    questions: questions.sources,
    load_prompts_sha256: sha256(val.map((e) => promptHash({ messages: messagesOf(e) }, "load")).join("\n")),
    fingerprint,
  };
  await saveRun(outputDir, run);

  print("\n[STEP 3] RUNNING LOAD TESTS");
  served.prepare("load");
  const levels: LoadTestSummary[] = [];
  for (const concurrency of settings.concurrencies) {
    print(`  >>> Testing with concurrency=${concurrency}`);
    levels.push(await runLevel(target, val, concurrency, settings, { ...options, dataSource }));
  }

  print("\n[STEP 4] EVALUATING ACCURACY");
  served.prepare("evaluation");
  const evaluator = new HeldOutEvaluator(target, questions.asked, {
    ...served.evaluatorOptions,
    mmluMaxTokens: settings.mmluMaxTokens,
    gsm8kMaxTokens: settings.gsm8kMaxTokens,
    mmluLimit: settings.mmluLimit ?? undefined,
    gsm8kLimit: settings.gsm8kLimit ?? undefined,
    seed: settings.seed,
    predictionsPath: join(outputDir, "predictions.jsonl"),
    resume: options.resume,
    fingerprint: {
      ...served.identity,
      data: questions.dataSha256,
      variant: settings.variant,
    },
    signal,
  });
  const results = await evaluator.evaluate();
  await writeJson(join(outputDir, "eval_results.json"), { ...results, data_source: dataSource });
  print(accuracyReport(results));

  const summary: BaselineSummary = {
    load_test_summary: levels,
    eval_results: results,
    data_source: dataSource,
  };
  await writeJson(join(outputDir, "summary.json"), summary);
  await saveRun(outputDir, { ...run, status: "complete" });
  const report = await writeHtmlReport(outputDir);
  print(`\n${finalReport(summary)}\n`);
  print(heading(`BASELINE EVALUATION COMPLETE\nResults saved to: ${outputDir}`));
  if (isSample) print("These are results over the sample questions, not over MMLU and GSM8K.");
  print(`Report: ${report}`);
  if (levels.every((level) => level.success_rate === 0)) {
    throw new Error(`Cannot call this run a success as a request must succeed: all failed, see ${outputDir}`);
  }
  return { summary, report };
}

/** One level of closed-loop load; leaves its records and its metrics in the run's folder. */
async function runLevel(
  target: InferenceTarget,
  data: Example[],
  concurrency: number,
  settings: BaselineSettings,
  { outputDir, resume, signal, print, dataSource }: BaselineOptions & { dataSource: string },
): Promise<LoadTestSummary> {
  const load = new ClosedLoopLoadGenerator({
    infer: (example, context) => answer(target, example, settings, context),
    data,
    maxConcurrency: concurrency,
    numRequests: settings.numRequests,
    warmup: settings.warmup,
    itls: settings.itls,
    seed: settings.seed,
    requestsPath: join(outputDir, `requests_concurrency_${concurrency}.jsonl`),
    resume,
    signal,
  });
  const records = await load.run();
  const metrics = new MetricsCalculator(records, settings.slo, { concurrency, dataSource, ...load.summary });
  await metrics.saveMetrics(join(outputDir, `metrics_concurrency_${concurrency}.json`));
  metrics.printReport(print);
  return summarizeLevel(concurrency, metrics.computeAllMetrics());
}

function answer(
  target: InferenceTarget,
  example: Example,
  settings: BaselineSettings,
  context: { signal: AbortSignal; requestId: string },
): Promise<Generation> {
  const evaluated = example.dataset === "mmlu" ? settings.mmluMaxTokens : settings.gsm8kMaxTokens;
  return target.generate(
    { messages: messagesOf(example) },
    { maxTokens: settings.loadMaxTokens ?? evaluated, ...context },
  );
}

const messagesOf = (example: Example) => toMessages(buildPrompt(example, example.dataset));
