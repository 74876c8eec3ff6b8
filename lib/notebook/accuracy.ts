/** What 05_accuracy shows. */
import { type EvaluationResults, HeldOutEvaluator, type Prediction } from "../eval/mod.ts";
import { percent } from "../metrics/mod.ts";
import type { Row } from "../report/show.ts";
import type { Example } from "../types/mod.ts";
import type { LabServer } from "./serving.ts";
import type { LabSettings } from "./settings.ts";

/** Asks questions of the test split: MMLU by the likeliest letter, GSM8K by the answer that is written. */
export async function evaluate(
  { engine }: Pick<LabServer, "engine">,
  test: readonly Example[],
  settings: Pick<LabSettings, "mmluLimit" | "gsm8kLimit" | "gsm8kMaxTokens" | "slots" | "seed">,
): Promise<{ results: EvaluationResults; predictions: readonly Prediction[] }> {
  const { mmluLimit, gsm8kLimit, gsm8kMaxTokens, slots, seed } = settings;
  const evaluator = new HeldOutEvaluator(engine, test, {
    mmluMethod: "loglikelihood",
    mmluLimit,
    gsm8kLimit,
    gsm8kMaxTokens,
    hasChatTemplate: engine.tokenizer?.hasChatTemplate ?? false,
    concurrency: slots,
    seed,
    onProgress: () => {},
  });
  const results = await evaluator.evaluate();
  return { results, predictions: evaluator.predictions };
}

export const SUBJECT_HEAD = ["subject", "right", "of", "accuracy", "95% interval"];

/** Exact match of each subject, the data sets one after the other. */
export function subjectRows({ mmlu, gsm8k }: Pick<EvaluationResults, "mmlu" | "gsm8k">): Row[] {
  return [["MMLU", mmlu] as const, ["GSM8K", gsm8k] as const].flatMap(([name, { by_subject }]) =>
    Object.entries(by_subject).map(([subject, row]) => [
      `${name} · ${subject.replaceAll("_", " ")}`,
      row.correct_count,
      row.total_count,
      percent(row.accuracy, 1),
      row.wilson_95 ? `${percent(row.wilson_95[0], 1)} to ${percent(row.wilson_95[1], 1)}` : "n/a",
    ])
  );
}

export const TROUBLE_HEAD = ["data set", "questions", "unparsable", "cut at the token limit", "failed"];

/** Answers that could not be read, were cut off, or never came. */
export function troubleRows({ mmlu, gsm8k }: Pick<EvaluationResults, "mmlu" | "gsm8k">): Row[] {
  return [["MMLU", mmlu] as const, ["GSM8K", gsm8k] as const].map(([name, row]) => [
    name,
    row.total_count,
    percent(row.unparsable_rate, 1),
    percent(row.truncated_rate, 1),
    row.error_count,
  ]);
}

/**
 * Predictions that were right, or wrong, each with its question: those of both data sets in turn.
 * @returns one text for all of them
 */
export function answerExamples(
  predictions: readonly Prediction[],
  test: readonly Example[],
  correct: boolean,
  count = 2,
): string {
  const prompts = new Map(test.map((e) => [e.id, e.prompt]));
  const chosen = (["mmlu", "gsm8k"] as const).flatMap((dataset) =>
    predictions.filter((p) => p.dataset === dataset && p.correct === correct).slice(0, count)
  );
  if (chosen.length === 0) return `no answer was ${correct ? "right" : "wrong"}`;
  return chosen.map((p) =>
    [
      `${p.id} (${p.subject}, ${p.difficulty})`,
      prompts.get(p.id) ?? "",
      `reference: ${p.gold}   read: ${p.predicted ?? "nothing"}${p.truncated ? "   (cut off)" : ""}`,
      p.scores
        ? `log-likelihoods: ${p.scores.map((s, i) => `${"ABCD"[i]} ${s.toFixed(2)}`).join("  ")}`
        : `answer: ${p.text.trim()}`,
    ].join("\n")
  ).join(`\n\n${"-".repeat(60)}\n\n`);
}
