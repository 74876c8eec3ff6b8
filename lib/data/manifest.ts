/** `manifest.json` of a processed folder: what it holds, from which sources, made by which rules. */
import type { SplitName } from "../types/mod.ts";
import type { BenchmarkName } from "./benchmark.ts";

/** Raised when the files of a processed folder change their form. */
export const FORMAT_VERSION = 1;

export interface DatasetCounts extends Record<SplitName, number> {
  total: number;
  few_shot: number;
  /** Records that ask what an earlier one asks. */
  duplicates: number;
}

export interface ManifestSource {
  dataset: BenchmarkName;
  split: string;
  use: "questions" | "few_shot";
  from: "hub" | "folder" | "sample";
  location: string;
  /** The hub's commit, or `unknown`. */
  revision: string;
  sha256: string;
  rows: number;
}

export interface Manifest {
  format_version: number;
  /** Made from data/sample, not from the benchmarks. */
  is_sample: boolean;
  seed: number;
  gsm8k_splits: string[];
  counts: Record<BenchmarkName, DatasetCounts>;
  sources: ManifestSource[];
  /** Splits that could not be had, and why. */
  missing: { dataset: BenchmarkName; split: string; reason: string }[];
  versions: {
    /** Layout of `prompt` and `answer`. */
    record: Record<BenchmarkName, string>;
    /** Rule of `difficulty`. */
    difficulty: Record<BenchmarkName, string>;
    /** Prompt templates of the code that made the folder, where it has some. */
    template: Record<string, string>;
    tokens: string;
  };
  files: Record<string, { records: number; bytes: number; sha256: string }>;
}
