/** From predictions to `eval_results.json`: exact match, its uncertainty, and what could not be read. Pure. */
import { clusteredStandardError, mean, wilson } from "../math/mod.ts";
import type { DatasetName } from "../types/mod.ts";
import { lmEvalResults, type LmEvalRow } from "./lm_eval_results.ts";
import type { MmluMethod, Prediction } from "./predictions.ts";

/** Exact match over some questions. */
export interface ExactMatch {
  /** Null where there is no question. */
  accuracy: number | null;
  /** The same figure under its other name. */
  em: number | null;
  correct_count: number;
  /** Questions asked; one that failed or could not be read counts as wrong. */
  total_count: number;
  wilson_95: [lower: number, upper: number] | null;
}

/** Exact match of one way to read answers. */
export interface Extraction extends ExactMatch {
  unparsable_rate: number | null;
}

/** Exact match over a data set. */
export interface DatasetResults extends Extraction {
  /** Clustered by subject for MMLU; null below two clusters. */
  standard_error: number | null;
  /** Mean of the subjects' accuracies; overall: of the data sets'. */
  macro_accuracy: number | null;
  truncated_rate: number | null;
  /** Prompts whose beginning was cut off, as they were too long. */
  prompt_cut_count: number;
  /** Questions that the target failed on. */
  error_count: number;
  by_subject: Record<string, ExactMatch>;
  by_category: Record<string, ExactMatch>;
  by_difficulty: Record<string, ExactMatch>;
}

/** GSM8K: `flexible` (also the headline) takes the last number where no `####` marks one. */
export interface Gsm8kResults extends DatasetResults {
  strict: Extraction;
  flexible: Extraction;
}

/** How the questions were asked. */
export interface EvaluationSettings {
  /** Whose prompts, examples, extraction and scoring: slolab's own, or lm-evaluation-harness's. */
  protocol: "slolab" | "lm-eval";
  /** Whether prompts were put into the model's chat template. */
  chat_template_applied: boolean;
  method: { mmlu: MmluMethod; gsm8k: "generate" };
  max_tokens: { mmlu: number; gsm8k: number };
  /** Of the templates used. */
  template_versions: Partial<Record<DatasetName | "mmlu_text", string>>;
  /** Over all prompts, in order. */
  prompt_hash: string;
  /** Of each data set, in the order of their first use. */
  few_shot_ids: { mmlu: string[]; gsm8k: string[] };
  /** Solved examples before each question. */
  shots: { mmlu: number; gsm8k: number };
  /** Drew the questions. */
  seed: number;
}

/** `eval_results.json`. */
export interface EvaluationResults extends EvaluationSettings {
  mmlu: DatasetResults;
  gsm8k: Gsm8kResults;
  overall: DatasetResults;
  /** The same figures as lm-evaluation-harness writes them, under its protocol. */
  lm_eval?: Record<string, LmEvalRow>;
}

/** Sums predictions up. */
export function summarizePredictions(
  predictions: readonly Prediction[],
  settings: EvaluationSettings,
): EvaluationResults {
  const ofMmlu = predictions.filter((p) => p.dataset === "mmlu");
  const ofGsm8k = predictions.filter((p) => p.dataset === "gsm8k");
  const mmlu = datasetResults(ofMmlu), gsm8k = datasetResults(ofGsm8k);
  const strict = ofGsm8k.map((p) => ({
    correct: p.strictCorrect === true,
    parsed: p.strictPredicted !== null,
  }));
  return {
    mmlu,
    gsm8k: { ...gsm8k, strict: extraction(strict), flexible: extraction(ofGsm8k) },
    overall: {
      ...datasetResults(predictions),
      macro_accuracy: mean([mmlu.accuracy, gsm8k.accuracy].filter((a) => a !== null)),
    },
    ...(settings.protocol === "lm-eval" && { lm_eval: lmEvalResults(predictions) }),
    ...settings,
  };
}

function datasetResults(predictions: readonly Prediction[]): DatasetResults {
  const clusters = predictions.map((p) => p.dataset === "mmlu" ? p.subject : p.id);
  const bySubject = groupedMatch(predictions, (p) => p.subject);
  return {
    ...extraction(predictions),
    standard_error: new Set(clusters).size < 2
      ? null
      : clusteredStandardError(predictions.map((p) => Number(p.correct)), clusters),
    macro_accuracy: mean(Object.values(bySubject).map((row) => row.accuracy!)),
    truncated_rate: mean(predictions.map((p) => Number(p.truncated))),
    prompt_cut_count: predictions.filter((p) => p.promptTokensCut > 0).length,
    error_count: predictions.filter((p) => p.error !== null).length,
    by_subject: bySubject,
    by_category: groupedMatch(predictions, (p) => p.category),
    by_difficulty: groupedMatch(predictions, (p) => p.difficulty),
  };
}

function extraction(answers: readonly { correct: boolean; parsed: boolean }[]): Extraction {
  return { ...exactMatch(answers), unparsable_rate: mean(answers.map((a) => Number(!a.parsed))) };
}

function exactMatch(answers: readonly { correct: boolean }[]): ExactMatch {
  const correct = answers.filter((a) => a.correct).length;
  const accuracy = answers.length ? correct / answers.length : null;
  return {
    accuracy,
    em: accuracy,
    correct_count: correct,
    total_count: answers.length,
    wilson_95: wilson(correct, answers.length),
  };
}

/** Rows by key, in the keys' order; a prediction without a key is in none. */
function groupedMatch(
  predictions: readonly Prediction[],
  keyOf: (prediction: Prediction) => string | null,
): Record<string, ExactMatch> {
  const groups = Map.groupBy(predictions.filter((p) => keyOf(p) !== null), (p) => keyOf(p)!);
  const keys = [...groups.keys()].sort();
  return Object.fromEntries(keys.map((key) => [key, exactMatch(groups.get(key)!)]));
}
