/** The accuracies of two runs: question by question where both were asked alike. */
import { comparePredictions, type Comparison, type Prediction } from "../../eval/mod.ts";
import { compareShares, type Difference, type Thresholds, verdictOf } from "../../metrics/mod.ts";
import { BadInput, messageOf } from "../../std/errors.ts";
import type { EvaluationDocument } from "../run_documents.ts";

const DATASETS = ["mmlu", "gsm8k", "overall"] as const;

/** Exact match on one data set. */
export interface ComparedAccuracy extends Difference {
  dataset: (typeof DATASETS)[number];
  questions: { a: number; b: number };
  /** Null where the questions could not be paired. */
  flips: {
    right_to_wrong: number;
    wrong_to_right: number;
    /** Other answers, right or wrong. */
    changed: number;
    /** McNemar's exact two-sided p-value. */
    p_value: number;
    right_to_wrong_ids: string[];
    wrong_to_right_ids: string[];
  } | null;
}

/** What a run tells of its accuracy. */
export interface Answers {
  predictions: Prediction[] | null;
  evaluation: EvaluationDocument | null;
}

/** @param notes gets a line for whatever a reader must know of the comparison */
export function compareAccuracy(
  a: Answers,
  b: Answers,
  thresholds: Thresholds,
  notes: string[],
): ComparedAccuracy[] {
  if (a.predictions && b.predictions) {
    try {
      return compareAnswers(a.predictions, b.predictions, thresholds, notes);
    } catch (thrown) {
      if (!(thrown instanceof BadInput)) throw thrown;
      notes.push(`Accuracies are compared unpaired: ${messageOf(thrown)}.`);
    }
  }
  return DATASETS.flatMap((dataset): ComparedAccuracy[] => {
    const [ofA, ofB] = [a.evaluation?.[dataset], b.evaluation?.[dataset]];
    if (!ofA?.total_count || !ofB?.total_count) return [];
    const [x, y] = [ofA, ofB].map((row) => ({ count: row.correct_count, total: row.total_count }));
    return [{
      dataset,
      questions: { a: x.total, b: y.total },
      ...compareShares("accuracy", x, y, thresholds),
      flips: null,
    }];
  });
}

/** @throws {BadInput} where a question was put to the runs with different prompts. */
function compareAnswers(
  a: Prediction[],
  b: Prediction[],
  thresholds: Thresholds,
  notes: string[],
): ComparedAccuracy[] {
  const paired = comparePredictions(a, b);
  const inB = new Set(b.map((p) => p.id));
  return DATASETS.flatMap((dataset): ComparedAccuracy[] => {
    const c = paired[dataset];
    if (c === null) return [];
    if (c.unpaired > 0 && dataset !== "overall") {
      notes.push(`${dataset}: ${c.unpaired} questions were put to one run alone and count nowhere.`);
    }
    const correct = a.filter((p) =>
      p.correct && inB.has(p.id) && (dataset === "overall" || p.dataset === dataset)
    );
    const before = correct.length / c.count;
    const found = {
      metric: "accuracy",
      statistic: null,
      unit: "share" as const,
      better: "higher" as const,
      a: before,
      b: before + c.difference,
      difference: c.difference,
      interval: c.interval as Difference["interval"],
      relative: before > 0 ? c.difference / before : null,
    };
    return [{
      dataset,
      questions: { a: c.count, b: c.count },
      ...found,
      verdict: verdictOf(found, thresholds),
      flips: flipsOf(c),
    }];
  });
}

function flipsOf(c: Comparison): ComparedAccuracy["flips"] {
  return {
    right_to_wrong: c.rightToWrong,
    wrong_to_right: c.wrongToRight,
    changed: c.changed,
    p_value: c.pValue,
    right_to_wrong_ids: c.rightToWrongIds,
    wrong_to_right_ids: c.wrongToRightIds,
  };
}
