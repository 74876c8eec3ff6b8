/** Two variants' answers to the same questions. */
import { BadInput } from "../std/errors.ts";
import { type PairedDifference, pairedDifference } from "../math/mod.ts";
import type { Prediction } from "./predictions.ts";

/** How the second variant differs from the first on one data set. */
export interface Comparison extends PairedDifference {
  /** Questions that both were asked. */
  count: number;
  /** Ids of the questions whose answer flipped. */
  rightToWrongIds: string[];
  wrongToRightIds: string[];
  /** Questions to which both gave another answer, right or wrong. */
  changed: number;
  /** Questions that only one of them was asked; they count nowhere. */
  unpaired: number;
}

/** Null where there is no common question. */
export interface PredictionComparison {
  mmlu: Comparison | null;
  gsm8k: Comparison | null;
  overall: Comparison | null;
}

/**
 * Compares two variants' predictions question by question: a compressed model can keep its accuracy and still
 * change many answers.
 * @param a the first variant's, one a question
 * @param b the second's; its gain over the first is the difference
 * @throws {BadInput} where a question was put to them with different prompts.
 */
export function comparePredictions(a: readonly Prediction[], b: readonly Prediction[]): PredictionComparison {
  const of = (dataset: "mmlu" | "gsm8k") =>
    compare(a.filter((p) => p.dataset === dataset), b.filter((p) => p.dataset === dataset));
  return { mmlu: of("mmlu"), gsm8k: of("gsm8k"), overall: compare(a, b) };
}

function compare(a: readonly Prediction[], b: readonly Prediction[]): Comparison | null {
  const ofB = new Map(b.map((p) => [p.id, p]));
  const pairs = a.flatMap((first) => {
    const second = ofB.get(first.id);
    return second ? [{ id: first.id, first, second }] : [];
  });
  if (pairs.length === 0) return null;
  const other = pairs.find(({ first, second }) =>
    first.promptHash !== second.promptHash || first.method !== second.method
  );
  if (other) {
    throw new BadInput(
      `Cannot compare the answers to ${other.id} as both variants must be asked alike: their prompts differ`,
    );
  }
  const idsWhere = (was: boolean, is: boolean) =>
    pairs.filter(({ first, second }) => first.correct === was && second.correct === is).map(({ id }) => id);
  return {
    count: pairs.length,
    ...pairedDifference(pairs.map((p) => p.first.correct), pairs.map((p) => p.second.correct)),
    rightToWrongIds: idsWhere(true, false),
    wrongToRightIds: idsWhere(false, true),
    changed: pairs.filter(({ first, second }) => first.predicted !== second.predicted).length,
    unpaired: a.length + b.length - 2 * pairs.length,
  };
}
