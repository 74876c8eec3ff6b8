/**
 * The benchmarks' own documents, in their order and letter by letter: what other people's harnesses ask.
 *
 * `Example`s are trimmed, and split into train, val and test; a figure that shall stand beside published ones is
 * over the benchmark's whole test split, and its prompts must not differ in a space.
 */
import { join, relative } from "node:path";
import { messageOf } from "../std/errors.ts";
import { say } from "../std/progress.ts";
import type { Benchmark, BenchmarkName, Draft } from "./benchmark.ts";
import { parseRows } from "./benchmark.ts";
import { gsm8k } from "./gsm8k.ts";
import { HubUnreachable } from "./hub.ts";
import { DATA_DIR } from "./load.ts";
import type { ManifestSource } from "./manifest.ts";
import { mmlu } from "./mmlu.ts";
import { FolderSource, HubSource, type RawSource, SampleSource } from "./raw_source.ts";

/** A row of a benchmark, untouched, and the record that slolab makes of it. */
export interface BenchmarkDocument {
  record: Draft;
  /** Place in its split. */
  index: number;
  question: string;
  /** MMLU's four; else empty. */
  choices: readonly string[];
  /** GSM8K: the worked solution with its `#### N` line. MMLU: the letter. */
  answer: string;
}

export interface BenchmarkDocuments {
  /** The test split. */
  test: BenchmarkDocument[];
  /** The split that few-shot examples come from: MMLU's dev, GSM8K's train. */
  shown: BenchmarkDocument[];
}

export interface LoadedDocuments extends Record<BenchmarkName, BenchmarkDocuments> {
  sources: ManifestSource[];
  /** From data/sample: no figure over it is one over MMLU or GSM8K. */
  isSample: boolean;
}

export interface DocumentOptions {
  /** A folder of raw files, read instead of the hub and its cache. */
  rawDir?: string;
  /** Overrides rawDir. */
  source?: RawSource;
  /** Taken where the hub is out of reach (default `data/sample`). */
  sampleDir?: string;
  onLine?: (line: string) => void;
}

/**
 * Reads the documents from a folder or the hub and its cache, else, where the hub is out of reach, from the sample.
 * @throws {BadInput} naming the row that is not a question.
 */
export async function loadDocuments(options: DocumentOptions = {}): Promise<LoadedDocuments> {
  const { rawDir, sampleDir = join(DATA_DIR, "sample"), onLine = say } = options;
  const source = options.source ?? (rawDir === undefined ? new HubSource() : new FolderSource(rawDir));
  try {
    return await readAll(source);
  } catch (thrown) {
    if (!(thrown instanceof HubUnreachable)) throw thrown;
    onLine(`  ${messageOf(thrown)}`);
    onLine(
      `  Using the sample of ${
        relative(".", sampleDir)
      } instead: the results are not those of MMLU and GSM8K`,
    );
    return await readAll(new SampleSource(sampleDir));
  }
}

async function readAll(source: RawSource): Promise<LoadedDocuments> {
  const sources: ManifestSource[] = [];
  const read = async (benchmark: Benchmark, split: string, use: ManifestSource["use"]) => {
    const { rows, label, origin: { revision, ...origin } } = await source.read(benchmark, split);
    const { name } = benchmark;
    sources.push({
      dataset: name,
      split: label,
      use,
      ...origin,
      revision: revision ?? "unknown",
      rows: rows.length,
    });
    return parseRows(benchmark, label, rows).map((record, index): BenchmarkDocument => {
      const { question, choices, answer } = rows[index];
      return {
        record,
        index,
        question: question as string,
        choices: (choices ?? []) as string[],
        answer: name === "mmlu" ? record.answer : answer as string,
      };
    });
  };
  const of = async (benchmark: Benchmark): Promise<BenchmarkDocuments> => ({
    test: await read(benchmark, "test", "questions"),
    shown: await read(benchmark, benchmark.fewShotSplit, "few_shot"),
  });
  return { mmlu: await of(mmlu), gsm8k: await of(gsm8k), sources, isSample: source.kind === "sample" };
}
