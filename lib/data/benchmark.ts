/** What a benchmark is to the pipeline: where its questions lie, and how a row becomes a record. */
import { BadInput } from "../std/errors.ts";
import type { DatasetName, Example } from "../types/mod.ts";

export type BenchmarkName = Exclude<DatasetName, "sharegpt">;
export type Row = Readonly<Record<string, unknown>>;

/** A question whose tokens are not counted yet. */
export type Draft = Omit<Example, "inputLength" | "outputLength">;

export interface Benchmark {
  name: BenchmarkName;
  /** The hub's data set, and the folder of its Parquet files. */
  repo: string;
  config: string;
  /** Splits whose questions are asked; the first one must be there. */
  questionSplits: readonly string[];
  /** The split that solved examples are shown from; it is never asked. */
  fewShotSplit: string;
  /** Raised when the layout of `prompt` or `answer` changes. */
  recordVersion: string;
  /** Raised when the rule of `difficulty` changes. */
  difficultyVersion: string;
  /**
   * Makes a record of a row.
   * @throws {RangeError} saying what the row lacks; {@linkcode parseRows} names the row.
   */
  parse(row: Row, id: string): Draft;
}

/**
 * Makes the records of a split, with ids `<dataset>/<split>/<index>`.
 * @throws {BadInput} naming the row that is not a question.
 */
export function parseRows(benchmark: Benchmark, split: string, rows: readonly Row[]): Draft[] {
  return rows.map((row, i) => {
    const id = `${benchmark.name}/${split}/${i}`;
    try {
      return benchmark.parse(row, id);
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      throw new BadInput(`Cannot read ${id} as ${thrown.message}`);
    }
  });
}

/**
 * Takes a text field.
 * @throws {RangeError} where it is not a text or is empty.
 */
export function textField(row: Row, name: string): string {
  const value = row[name];
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  throw new RangeError(`its ${name} must be a text: it is ${value === undefined ? "absent" : `'${value}'`}`);
}
