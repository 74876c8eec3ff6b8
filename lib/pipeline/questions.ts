/** Which questions a run asks, under which protocol: slolab's own held-out ones, or lm-evaluation-harness's. */
import { loadDocuments, type LoadedData, loadOrBuild } from "../data/mod.ts";
import type { Engine } from "../engine/engine.ts";
import {
  type EvaluatorOptions,
  firstOfEachTask,
  LM_EVAL_SHOTS,
  lmEvalQuestions,
  type MmluMethod,
  type QuestionSet,
} from "../eval/mod.ts";
import { TEMPLATE_VERSIONS } from "../prompts/mod.ts";
import { BadInput } from "../std/errors.ts";
import { sha256 } from "../std/files.ts";
import type { Example } from "../types/mod.ts";

export const PROTOCOLS = ["slolab", "lm-eval"] as const;

/** How the questions are put. */
export interface ProtocolSettings {
  /** Default slolab. */
  protocol?: typeof PROTOCOLS[number];
  /** Solved examples before each question (default: the protocol's own). */
  shots?: number;
  mmluMethod: MmluMethod;
}

/** Where the questions come from. */
export interface DataOptions {
  preprocess: boolean;
  rawDir?: string;
  dataDir?: string;
  print: (text: string) => void;
}

/** Gives the processed questions. */
export function loadData({ rawDir, dataDir, preprocess, print }: DataOptions): Promise<LoadedData> {
  return loadOrBuild({
    rawDir,
    outputDir: dataDir,
    preprocess,
    templateVersions: TEMPLATE_VERSIONS,
    onLine: print,
  });
}

/** One hash over the splits. */
export function dataHash({ manifest }: LoadedData): string {
  const files = Object.entries(manifest.files).map(([name, file]) => `${name} ${file.sha256}`);
  return sha256(files.sort().join("\n"));
}

export interface AskedQuestions {
  asked: readonly Example[] | QuestionSet;
  fewShot?: EvaluatorOptions["fewShot"];
  mmluMethod: MmluMethod;
  isSample: boolean;
  /** Over the files that the questions come from. */
  dataSha256: string;
  /** Files and splits, for `run.json`. */
  sources: unknown;
}

/** slolab's protocol: the test split of the processed data. */
export function ownQuestions(
  data: LoadedData,
  { shots, mmluMethod }: ProtocolSettings,
  test: readonly Example[] = data.test,
): AskedQuestions {
  const pool = { mmlu: [...data.fewShot.mmlu.values()].flat(), gsm8k: data.fewShot.gsm8k };
  return {
    asked: test,
    ...(shots ? { fewShot: { pool, shots } } : {}),
    mmluMethod,
    isSample: data.isSample,
    dataSha256: dataHash(data),
    sources: data.manifest.sources,
  };
}

/**
 * lm-evaluation-harness's protocol: the benchmarks' own test splits, whole.
 * @param limit asks the first so many of each task, as the harness's `--limit` does (default: all)
 * @throws {BadInput} where there are too few examples to show.
 */
export async function lmEvalAsked(
  { shots }: Pick<ProtocolSettings, "shots">,
  { rawDir, print }: Pick<DataOptions, "rawDir" | "print">,
  limit = Infinity,
): Promise<AskedQuestions> {
  const documents = await loadDocuments({ rawDir, onLine: print });
  const each = shots === undefined ? LM_EVAL_SHOTS : { mmlu: shots, gsm8k: shots };
  const all = lmEvalQuestions(documents, each);
  return {
    asked: {
      protocol: "lm-eval",
      questions: firstOfEachTask(all, limit),
      shots: each,
    },
    mmluMethod: "loglikelihood",
    isSample: documents.isSample,
    dataSha256: sha256(documents.sources.map((s) => s.sha256).join("\n")),
    sources: documents.sources,
  };
}

/**
 * What the evaluator needs of an engine to ask as a protocol does.
 * @throws {BadInput} where lm-eval's prompts cannot be encoded: the model has no tokenizer.
 */
export function evaluatorOptions(
  { fewShot, mmluMethod, asked }: AskedQuestions,
  engine: Engine,
): EvaluatorOptions {
  const { tokenizer, stats: { context, slots } } = engine;
  const common = {
    mmluMethod,
    fewShot,
    hasChatTemplate: tokenizer?.hasChatTemplate ?? false,
    concurrency: slots,
  };
  if (!("protocol" in asked)) return common;
  if (tokenizer === null) {
    throw new BadInput(`Cannot ask ${engine.name} as lm-eval does as it must have a tokenizer: it has none`);
  }
  return { ...common, fit: { encode: (text) => tokenizer.encode(text), context } };
}
