/**
 * The study: the variants of one model side by side in accuracy, speed and bytes.
 *
 * Each variant is one baseline in a folder of its own, `<output>/<variant>`, under settings that differ in the
 * variant alone; one is in memory at a time, or behind an endpoint of its own. A broken study goes on where it stopped.
 */
import { join } from "node:path";
import { comparePredictions, type EvaluationResults, readPredictions } from "../eval/mod.ts";
import type { VariantName } from "../compress/variant.ts";
import type { EndpointConfig } from "../endpoint/mod.ts";
import { type MetricsDocument } from "../metrics/mod.ts";
import { writeStudyReport } from "../report/study_report.ts";
import { type AccuracyCell, type StudyDocument, type StudyRow, studyTable } from "../report/study.ts";
import { toRecord } from "../types/mod.ts";
import { exists, readJson, writeAtomic, writeJson } from "../std/files.ts";
import { requireSameSettings, type Settings } from "../std/settings.ts";
import { type BaselineOptions, type BaselineSettings, runBaseline } from "./baseline.ts";
import type { RunDocument } from "./run_folder.ts";

/**
 * Runs the study, or what is left of it.
 * @throws {BadInput} as `runBaseline` does, and where a variant was finished under other settings.
 */
export async function runStudy(
  variants: readonly VariantName[],
  settings: Omit<BaselineSettings, "variant">,
  options: Omit<BaselineOptions, "resume"> & { endpoints?: ReadonlyMap<VariantName, EndpointConfig> },
): Promise<StudyDocument> {
  for (const variant of variants) {
    const endpoint = options.endpoints?.get(variant);
    const own = {
      ...settings,
      variant,
      ...(endpoint && { endpoint, model: endpoint.model ?? endpoint.baseUrl }),
    };
    const outputDir = join(options.outputDir, variant);
    const runPath = join(outputDir, "run.json");
    const begun = await exists(runPath) ? await readJson<RunDocument>(runPath) : null;
    if (begun?.status === "complete") {
      const asked = toRecord(own);
      requireSameSettings(outputDir, pick(begun.fingerprint, Object.keys(asked)), asked);
      options.print(`${variant}: complete in ${outputDir}`);
      continue;
    }
    await runBaseline(own, { ...options, outputDir, resume: begun !== null });
  }
  const study = await summariseStudy(variants, options.outputDir, options.command);
  await writeJson(join(options.outputDir, "study.json"), toRecord(study));
  await writeAtomic(join(options.outputDir, "study.md"), studyTable(study));
  options.print(`Report: ${await writeStudyReport(options.outputDir)}`);
  return study;
}

/**
 * Reads the folders of finished variants.
 * @throws {BadInput} where they differ in more than the variant: in a flag, the model's file, the data.
 */
export async function summariseStudy(
  variants: readonly VariantName[],
  dir: string,
  command: string,
): Promise<StudyDocument> {
  const runs = await Promise.all(variants.map((v) => readJson<RunDocument>(join(dir, v, "run.json"))));
  const alike = (run: RunDocument) => ({
    ...run.fingerprint,
    variant: null,
    form_run: null,
    ...(run.endpoint ? { model: null, endpoint: null, endpoint_model: null } : {}),
  });
  for (const [i, run] of runs.entries()) {
    requireSameSettings(join(dir, variants[i]), alike(runs[0]), alike(run));
  }
  const predictions = await Promise.all(
    variants.map((v) => readPredictions(join(dir, v, "predictions.jsonl"))),
  );
  const rows = await Promise.all(variants.map((variant, i) => summariseVariant(variant, dir, runs[i])));
  return {
    model: (runs[0].model as { name: string }).name,
    source_bits_per_weight: (runs[0].model as { source?: { bitsPerWeight: number } }).source?.bitsPerWeight ??
      null,
    data_source: String(runs[0].data_source),
    command,
    rows,
    comparisons: variants.flatMap((first, i) =>
      variants.slice(i + 1).map((second, j) => ({
        first,
        second,
        ...comparePredictions(predictions[i], predictions[i + 1 + j]),
      }))
    ),
  };
}

const pick = (settings: Settings, keys: string[]): Settings =>
  Object.fromEntries(keys.map((key) => [key, settings[key]]));

async function summariseVariant(variant: VariantName, dir: string, run: RunDocument): Promise<StudyRow> {
  const results = await readJson<EvaluationResults>(join(dir, variant, "eval_results.json"));
  const concurrencies = (run.fingerprint.concurrencies as number[]).toSorted((a, b) => a - b);
  const levels = await Promise.all(concurrencies.map(async (concurrency) => {
    const path = join(dir, variant, `metrics_concurrency_${concurrency}.json`);
    const { summary, ttft, tpot, e2e_latency } = await readJson<MetricsDocument>(path);
    return {
      concurrency,
      throughput_tokens_per_sec: summary.throughput_tokens_per_sec,
      ttft_p50_ms: ttft.p50,
      tpot_p50_ms: tpot.p50,
      e2e_p50_ms: e2e_latency.p50,
    };
  }));
  const cell = ({ accuracy, correct_count, total_count, wilson_95 }: AccuracyCell): AccuracyCell => ({
    accuracy,
    correct_count,
    total_count,
    wilson_95,
  });
  return {
    variant,
    bytes: run.bytes as number | undefined ?? null,
    bits_per_weight: run.bits_per_weight as number | undefined ?? null,
    mmlu: cell(results.mmlu),
    gsm8k: cell(results.gsm8k),
    levels,
  };
}
