/**
 * The data pipeline: raw splits -> records -> token counts -> train, val, test -> a processed folder.
 *
 * ```ts
 * const { train, val, test } = await new DataPreprocessor({ outputDir: "data/processed" }).runPipeline();
 * ```
 */
import { BadInput, messageOf } from "../std/errors.ts";
import { say } from "../std/progress.ts";
import type { Example } from "../types/mod.ts";
import { type Benchmark, type BenchmarkName, type Draft, parseRows } from "./benchmark.ts";
import { countDuplicates } from "./duplicates.ts";
import { holdOut, withoutAsked } from "./few_shot.ts";
import { gsm8k } from "./gsm8k.ts";
import { HubUnreachable } from "./hub.ts";
import type { DatasetCounts, Manifest, ManifestSource } from "./manifest.ts";
import { mmlu } from "./mmlu.ts";
import { type ProcessedData, readManifest, writeProcessed } from "./processed.ts";
import { FolderSource, HubSource, type RawSource } from "./raw_source.ts";
import { SPLITS, stratifiedSplit } from "./split.ts";
import { type CountTokens, loadTokenCounter, TOKENIZER } from "./token_counter.ts";

const BENCHMARKS: readonly Benchmark[] = [mmlu, gsm8k];

/** The seed of the splits, apart from a run's own: questions stay in their split whatever a run draws. */
export const SPLIT_SEED = 42;

/** Splits of GSM8K that may be asked. */
export type Gsm8kSplit = "test" | "train";

export interface PreprocessorOptions {
  /** A folder of raw files, read instead of the hub and its cache. */
  rawDir?: string;
  outputDir: string;
  /** Overrides rawDir: any source of raw splits. */
  source?: RawSource;
  /** Splits of GSM8K to ask (default test). With train, a tenth of it is held out for few-shot prompts. */
  gsm8kSplits?: readonly Gsm8kSplit[];
  seed?: number;
  /** Versions of the prompt templates, for the manifest. */
  templateVersions?: Readonly<Record<string, string>>;
  /** Gets each line for a person (default: stderr). */
  onLine?: (line: string) => void;
}

export class DataPreprocessor {
  readonly #options: Required<Omit<PreprocessorOptions, "rawDir">>;

  constructor(options: PreprocessorOptions) {
    const { rawDir, outputDir, source, gsm8kSplits, seed, templateVersions, onLine } = options;
    this.#options = {
      outputDir,
      source: source ?? (rawDir === undefined ? new HubSource() : new FolderSource(rawDir)),
      gsm8kSplits: gsm8kSplits ?? ["test"],
      seed: seed ?? SPLIT_SEED,
      templateVersions: templateVersions ?? {},
      onLine: onLine ?? say,
    };
  }

  /**
   * Makes the processed folder and gives its content.
   * @throws {HubUnreachable} where a benchmark's questions are neither in the cache nor to be had.
   * @throws {BadInput} where raw data is damaged, or the sample would replace real data.
   */
  async runPipeline(): Promise<ProcessedData> {
    const { source, outputDir, seed, gsm8kSplits, templateVersions } = this.#options;
    const isSample = source.kind === "sample";
    if (isSample && (await readManifest(outputDir).catch(() => null))?.is_sample === false) {
      throw new BadInput(
        `Cannot write the sample into ${outputDir} as it must not replace real data: choose another folder`,
      );
    }
    const sources: ManifestSource[] = [];
    const missing: Manifest["missing"] = [];
    const drafts = {} as Record<BenchmarkName, { questions: Draft[]; shots: Draft[] }>;
    for (const benchmark of BENCHMARKS) {
      drafts[benchmark.name] = await this.#readBenchmark(benchmark, sources, missing);
    }

    const countTokens = await loadTokenCounter();
    const count = (list: readonly Draft[]) => list.map((draft) => withTokens(draft, countTokens));
    const questions = { mmlu: count(drafts.mmlu.questions), gsm8k: count(drafts.gsm8k.questions) };
    const shots = {
      mmlu: withoutAsked(count(drafts.mmlu.shots), questions.mmlu),
      gsm8k: withoutAsked(count(drafts.gsm8k.shots), questions.gsm8k),
    };
    const splits = stratifiedSplit([...questions.mmlu, ...questions.gsm8k], seed);

    const perBenchmark = <T>(of: (benchmark: Benchmark) => T) =>
      Object.fromEntries(BENCHMARKS.map((b) => [b.name, of(b)])) as Record<BenchmarkName, T>;
    return await writeProcessed(outputDir, { questions, shots, ...splits }, {
      is_sample: isSample,
      seed,
      gsm8k_splits: isSample ? ["sample"] : [...gsm8kSplits],
      counts: perBenchmark(({ name }): DatasetCounts => {
        const [train, val, test] = SPLITS.map((s) => splits[s].filter((e) => e.dataset === name).length);
        return {
          total: questions[name].length,
          train,
          val,
          test,
          few_shot: shots[name].length,
          duplicates: countDuplicates(questions[name]),
        };
      }),
      sources,
      missing,
      versions: {
        record: perBenchmark((b) => b.recordVersion),
        difficulty: perBenchmark((b) => b.difficultyVersion),
        template: { ...templateVersions },
        tokens: TOKENIZER,
      },
    });
  }

  /** Reads the splits of one benchmark; those that cannot be had are reported and left out. */
  async #readBenchmark(
    benchmark: Benchmark,
    sources: ManifestSource[],
    missing: Manifest["missing"],
  ): Promise<{ questions: Draft[]; shots: Draft[] }> {
    const { source, gsm8kSplits, onLine, seed } = this.#options;
    const { name, questionSplits, fewShotSplit } = benchmark;
    const asked: readonly string[] = source.kind === "sample"
      ? questionSplits.slice(0, 1)
      : name === "gsm8k"
      ? gsm8kSplits
      : questionSplits;
    const read = async (split: string, required: boolean): Promise<Draft[]> => {
      try {
        const { rows, label, origin: { revision, ...origin } } = await source.read(benchmark, split);
        const use = asked.includes(split) ? "questions" : "few_shot";
        sources.push({
          dataset: name,
          split: label,
          use,
          ...origin,
          revision: revision ?? "unknown",
          rows: rows.length,
        });
        return parseRows(benchmark, label, rows);
      } catch (thrown) {
        const absent = thrown instanceof Deno.errors.NotFound ||
          (thrown instanceof HubUnreachable && !required);
        if (!absent) throw thrown;
        const reason = messageOf(thrown);
        missing.push({ dataset: name, split, reason });
        onLine(`  Left out ${name} ${split}: ${reason}`);
        return [];
      }
    };
    const questions: Draft[] = [];
    let shots: Draft[] = [];
    for (const [i, split] of asked.entries()) {
      const records = await read(split, i === 0 || name === "gsm8k");
      if (split !== fewShotSplit) {
        questions.push(...records);
        continue;
      }
      const parts = holdOut(records, seed);
      questions.push(...parts.asked);
      shots = parts.heldOut;
    }
    if (!asked.includes(fewShotSplit)) shots = await read(fewShotSplit, false);
    if (questions.length === 0) {
      throw new BadInput(
        `Cannot preprocess ${name} as it must have one of the splits ${asked.join(", ")}: ${
          missing.findLast((m) => m.dataset === name)?.reason ?? "they are empty"
        }`,
      );
    }
    return { questions, shots };
  }
}

/** Adds token counts; the fields stand in the order of a record. */
function withTokens(draft: Draft, countTokens: CountTokens): Example {
  const { dataset, prompt, answer, subject, difficulty, ...rest } = draft;
  return {
    dataset,
    prompt,
    answer,
    subject,
    difficulty,
    inputLength: countTokens(prompt),
    outputLength: countTokens(draft.solution ?? answer),
    ...rest,
  };
}
