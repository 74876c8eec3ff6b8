/** Exact match of answers, under the names that users of the Python framework know. */
import { canonicalNumber, extractGsm8kAnswer, extractGsm8kStrict, extractMmluAnswer } from "./extract.ts";

export class EvaluationMetrics {
  /** The letter that a text answers with, or null. */
  static extractMmluAnswer(text: string): string | null {
    return extractMmluAnswer(text);
  }

  /** The number that a text answers with, or null; `strict` takes only one that `####` marks. */
  static extractGsm8kAnswer(text: string, mode: "strict" | "flexible" = "flexible"): string | null {
    return mode === "strict" ? extractGsm8kStrict(text) : extractGsm8kAnswer(text);
  }

  /** Says whether an answer is the reference answer: numbers by value, letters in either case; null never is. */
  static exactMatch(predicted: string | null, gold: string): boolean {
    if (predicted === null) return false;
    const number = canonicalNumber(gold);
    return number === null
      ? predicted.trim().toUpperCase() === gold.trim().toUpperCase()
      : canonicalNumber(predicted) === number;
  }
}
