/**
 * The study: the variants of one model side by side in accuracy, speed and bytes.
 *
 * Each variant is one baseline in a folder of its own, `<output>/<variant>`, under settings that differ in the
 * variant alone; one is in memory at a time. A broken study goes on where it stopped.
 */
import { join } from "node:path";
import {
  comparePredictions,
  type Comparison,
  type EvaluationResults,
  MMLU_CHANCE,
  type PredictionComparison,
  readPredictions,
} from "../eval/mod.ts";
import type { VariantName } from "../compress/variant.ts";
import { type MetricsDocument } from "../metrics/mod.ts";
import { toRecord } from "../types/mod.ts";
import { exists, readJson, writeAtomic, writeJson } from "../std/files.ts";
import { requireSameSettings, type Settings } from "../std/settings.ts";
import { type BaselineOptions, type BaselineSettings, runBaseline } from "./baseline.ts";
import type { RunDocument } from "./run_folder.ts";

/** A variant's row. */
export interface StudyRow {
  variant: VariantName;
  bytes: number;
  bits_per_weight: number;
  mmlu: AccuracyCell;
  gsm8k: AccuracyCell;
  levels: {
    concurrency: number;
    throughput_tokens_per_sec: number | null;
    ttft_p50_ms: number | null;
    tpot_p50_ms: number | null;
    e2e_p50_ms: number | null;
  }[];
}
type AccuracyCell = Pick<
  EvaluationResults["mmlu"],
  "accuracy" | "correct_count" | "total_count" | "wilson_95"
>;

/** `study.json`. */
export interface StudyDocument {
  model: string;
  /** Bits a weight of the files that the variants were made from. */
  source_bits_per_weight: number;
  data_source: string;
  command: string;
  rows: StudyRow[];
  /** Each variant against those before it. */
  comparisons: ({ first: VariantName; second: VariantName } & PredictionComparison)[];
}

/**
 * Runs the study, or what is left of it.
 * @throws {BadInput} as `runBaseline` does, and where a variant was finished under other settings.
 */
export async function runStudy(
  variants: readonly VariantName[],
  settings: Omit<BaselineSettings, "variant">,
  options: Omit<BaselineOptions, "resume">,
): Promise<StudyDocument> {
  for (const variant of variants) {
    const outputDir = join(options.outputDir, variant);
    const runPath = join(outputDir, "run.json");
    const begun = await exists(runPath) ? await readJson<RunDocument>(runPath) : null;
    if (begun?.status === "complete") {
      const asked = toRecord({ ...settings, variant });
      requireSameSettings(outputDir, pick(begun.fingerprint, Object.keys(asked)), asked);
      options.print(`${variant}: complete in ${outputDir}`);
      continue;
    }
    await runBaseline({ ...settings, variant }, { ...options, outputDir, resume: begun !== null });
  }
  const study = await summariseStudy(variants, options.outputDir, options.command);
  await writeJson(join(options.outputDir, "study.json"), toRecord(study));
  await writeAtomic(join(options.outputDir, "study.md"), studyTable(study));
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
  const alike = (run: RunDocument) => ({ ...run.fingerprint, variant: null });
  for (const [i, run] of runs.entries()) {
    requireSameSettings(join(dir, variants[i]), alike(runs[0]), alike(run));
  }
  const predictions = await Promise.all(
    variants.map((v) => readPredictions(join(dir, v, "predictions.jsonl"))),
  );
  const rows = await Promise.all(variants.map((variant, i) => summariseVariant(variant, dir, runs[i])));
  return {
    model: (runs[0].model as { name: string }).name,
    source_bits_per_weight: (runs[0].model as { source: { bitsPerWeight: number } }).source.bitsPerWeight,
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
    bytes: run.bytes as number,
    bits_per_weight: run.bits_per_weight as number,
    mmlu: cell(results.mmlu),
    gsm8k: cell(results.gsm8k),
    levels,
  };
}

/** The study as Markdown tables. */
export function studyTable(study: StudyDocument): string {
  const percent = (x: number | null) => x === null ? "-" : `${(100 * x).toFixed(1)}%`;
  const ms = (x: number | null) => x === null ? "-" : x.toFixed(0);
  const accuracy = (c: AccuracyCell) =>
    `${percent(c.accuracy)} (${c.correct_count}/${c.total_count})` +
    (c.wilson_95 ? ` [${percent(c.wilson_95[0])}, ${percent(c.wilson_95[1])}]` : "");
  const table = (head: string[], rows: string[][]) =>
    [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const points = (x: number) => (100 * x).toFixed(1);
  const flips = (name: string, c: Comparison | null) =>
    c === null ? [name, "-", "-", "-", "-"] : [
      name,
      `${points(c.difference)} points [${points(c.interval[0])}, ${points(c.interval[1])}]`,
      String(c.rightToWrong),
      String(c.wrongToRight),
      `${c.changed} of ${c.count}`,
    ];
  return [
    `${study.model}, source ${study.source_bits_per_weight.toFixed(2)} bits a weight` +
    (study.data_source === "sample" ? ", SAMPLE questions" : ""),
    ...(study.source_bits_per_weight < 16
      ? ["The source is itself quantised: differences from base are the cost of rounding it once more."]
      : []),
    "",
    table(
      ["variant", "bytes", "bits a weight", `MMLU (guessing: ${percent(MMLU_CHANCE)})`, "GSM8K"],
      study.rows.map((r) => [
        r.variant,
        `${(r.bytes / 1e6).toFixed(0)} MB`,
        r.bits_per_weight.toFixed(2),
        accuracy(r.mmlu),
        accuracy(r.gsm8k),
      ]),
    ),
    "",
    table(
      ["variant", "concurrency", "tokens/s", "TTFT p50 ms", "TPOT p50 ms", "E2E p50 ms"],
      study.rows.flatMap((r) =>
        r.levels.map((l) => [
          r.variant,
          String(l.concurrency),
          l.throughput_tokens_per_sec?.toFixed(1) ?? "-",
          ms(l.ttft_p50_ms),
          ms(l.tpot_p50_ms),
          ms(l.e2e_p50_ms),
        ])
      ),
    ),
    "",
    table(
      ["against", "data set", "difference", "right to wrong", "wrong to right", "other answers"],
      study.comparisons.flatMap(({ first, second, mmlu, gsm8k }) =>
        [flips("MMLU", mmlu), flips("GSM8K", gsm8k)].map((cells) => [`${second} - ${first}`, ...cells])
      ),
    ),
    "",
  ].join("\n");
}
