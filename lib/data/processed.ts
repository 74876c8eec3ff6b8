/**
 * The processed folder:
 *
 * ```
 * mmlu_processed.jsonl, gsm8k_processed.jsonl     every question, in source order
 * train_data.jsonl, val_data.jsonl, test_data.jsonl   the same, split; in seeded random order
 * mmlu_fewshot.jsonl, gsm8k_fewshot.jsonl         solved examples to show, never asked
 * summary.csv, manifest.json                      the manifest is written last and holds every file's SHA-256
 * ```
 */
import { join } from "node:path";
import { BadInput, messageOf } from "../std/errors.ts";
import { exists, readJson, readJsonl, sha256, sha256File, writeAtomic, writeJson } from "../std/files.ts";
import { type Example, fromRecord, toRecord } from "../types/mod.ts";
import type { BenchmarkName } from "./benchmark.ts";
import { groupBy } from "./duplicates.ts";
import type { FewShot } from "./few_shot.ts";
import { FORMAT_VERSION, type Manifest } from "./manifest.ts";
import { SPLITS } from "./split.ts";
import { summaryCsv } from "./summary.ts";

/** Questions ready for use. */
export interface ProcessedData {
  train: Example[];
  val: Example[];
  test: Example[];
  fewShot: FewShot;
  manifest: Manifest;
  /** The folder that holds it. */
  dir: string;
  /** Made from data/sample: no figure over it is one over MMLU or GSM8K. */
  isSample: boolean;
}

/** What is written besides the splits. */
export interface ProcessedContent extends Pick<ProcessedData, "train" | "val" | "test"> {
  questions: Record<BenchmarkName, Example[]>;
  shots: Record<BenchmarkName, Example[]>;
}

const MANIFEST = "manifest.json";
const splitFile = (split: string) => `${split}_data.jsonl`;
const fewShotFile = (dataset: BenchmarkName) => `${dataset}_fewshot.jsonl`;

/** Writes a folder; a reader that comes meanwhile finds no manifest. */
export async function writeProcessed(
  dir: string,
  content: ProcessedContent,
  facts: Omit<Manifest, "files" | "format_version">,
): Promise<ProcessedData> {
  await Deno.mkdir(dir, { recursive: true });
  await Deno.remove(join(dir, MANIFEST)).catch((e) => {
    if (!(e instanceof Deno.errors.NotFound)) throw e;
  });
  const files: Manifest["files"] = {};
  const write = async (name: string, text: string, records: number) => {
    const bytes = new TextEncoder().encode(text);
    await writeAtomic(join(dir, name), bytes);
    files[name] = { records, bytes: bytes.length, sha256: sha256(bytes) };
  };
  const { questions, shots, ...splits } = content;
  const lists: [string, Example[]][] = [
    ["mmlu_processed.jsonl", questions.mmlu],
    ["gsm8k_processed.jsonl", questions.gsm8k],
    ...SPLITS.map((split): [string, Example[]] => [splitFile(split), splits[split]]),
    [fewShotFile("mmlu"), shots.mmlu],
    [fewShotFile("gsm8k"), shots.gsm8k],
  ];
  const lines = new Map<Example, string>();
  const lineOf = (example: Example) => {
    const line = lines.get(example) ?? JSON.stringify(toRecord(example)) + "\n";
    lines.set(example, line);
    return line;
  };
  for (const [name, examples] of lists) {
    await write(name, examples.map(lineOf).join(""), examples.length);
  }
  const summary = summaryCsv(splits);
  await write("summary.csv", summary, summary.split("\n").length - 2);
  const manifest: Manifest = { format_version: FORMAT_VERSION, ...facts, files };
  await writeJson(join(dir, MANIFEST), manifest);
  return {
    ...splits,
    fewShot: { mmlu: groupBy(shots.mmlu, (e) => e.subject), gsm8k: shots.gsm8k },
    manifest,
    dir,
    isSample: manifest.is_sample,
  };
}

/**
 * Reads the manifest of a folder; null where there is none.
 * @throws {BadInput} where it is not one of this version.
 */
export async function readManifest(dir: string): Promise<Manifest | null> {
  const path = join(dir, MANIFEST);
  if (!await exists(path)) return null;
  const manifest = await repairable(() => readJson<Manifest>(path));
  if (manifest?.format_version !== FORMAT_VERSION || typeof manifest.files !== "object") {
    throw new BadInput(
      `Cannot read ${path} as its format_version must be ${FORMAT_VERSION}: it is ${manifest?.format_version}; ${REPAIR}`,
    );
  }
  return manifest;
}

/**
 * Reads a folder whose manifest is at hand.
 * @throws {BadInput} naming the file and the line that is damaged, and how to mend it.
 */
export async function readProcessed(dir: string, manifest: Manifest): Promise<ProcessedData> {
  const [train, val, test, mmlu, gsm8k] = await Promise.all(
    [...SPLITS.map(splitFile), fewShotFile("mmlu"), fewShotFile("gsm8k")]
      .map((name) => repairable(() => readExamples(join(dir, name), manifest.files[name]?.sha256))),
  );
  for (const [i, list] of [train, val, test].entries()) {
    if (list.length > 0) continue;
    throw new BadInput(
      `Cannot use ${join(dir, splitFile(SPLITS[i]))} as it must hold records: it holds none; ${REPAIR}`,
    );
  }
  return {
    train,
    val,
    test,
    fewShot: { mmlu: groupBy(mmlu, (e) => e.subject), gsm8k },
    manifest,
    dir,
    isSample: manifest.is_sample,
  };
}

const REPAIR = "'deno task preprocess' makes it anew";

/** Adds the way out to the error of a damaged file. */
async function repairable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    throw thrown instanceof BadInput ? new BadInput(`${messageOf(thrown)}; ${REPAIR}`) : thrown;
  }
}

const TEXTS = ["dataset", "prompt", "answer", "subject", "difficulty", "id"];
const COUNTS = ["input_length", "output_length"];

/** Reads records; a line that is none is named before a hash that differs. */
async function readExamples(path: string, hash: string | undefined): Promise<Example[]> {
  const records = await readJsonl(path);
  for (const [i, record] of records.entries()) {
    const wrong = TEXTS.find((key) => typeof record[key] !== "string") ??
      COUNTS.find((key) => !Number.isInteger(record[key]));
    if (wrong !== undefined) {
      throw new BadInput(
        `Cannot read ${path} as each line must be a record: record ${i + 1} has no valid ${wrong}`,
      );
    }
  }
  if (await sha256File(path) !== hash) {
    throw new BadInput(`Cannot use ${path} as its SHA-256 must be the manifest's: it was changed since`);
  }
  return records.map((record) => fromRecord<Example>(record));
}
