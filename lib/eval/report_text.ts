/** Accuracy as the block of text that the terminal shows. */
import { percent } from "../metrics/mod.ts";
import type { DatasetResults, EvaluationResults, ExactMatch } from "./results.ts";

/** Gives the block of an evaluation; a data set without a question is left out. */
export function accuracyReport(results: EvaluationResults): string {
  const blocks: string[][] = [];
  const { mmlu, gsm8k, overall, method } = results;
  if (mmlu.total_count) {
    blocks.push([
      ...block("MMLU", mmlu),
      line("Macro", `${percent(mmlu.macro_accuracy)} (mean of ${count(mmlu.by_subject)} subjects)`),
      line("Method", method.mmlu === "generate" ? "generation" : "log-likelihood of the letters"),
      ...troubles(mmlu),
    ]);
  }
  if (gsm8k.total_count) {
    blocks.push([
      ...block("GSM8K", gsm8k),
      line("Strict", `${matched(gsm8k.strict)}, the number after ####`),
      line("Flexible", `${matched(gsm8k.flexible)}, else the last number`),
      ...troubles(gsm8k),
    ]);
  }
  blocks.push(block("OVERALL", overall));
  return blocks.map((lines) => lines.join("\n")).join("\n\n");
}

const line = (label: string, text: string) => `  ${`${label}:`.padEnd(10)}${text}`;
const count = (rows: Record<string, unknown>) => Object.keys(rows).length;
const matched = (row: ExactMatch) => `${percent(row.accuracy)} (${row.correct_count}/${row.total_count})`;

function block(name: string, row: DatasetResults): string[] {
  const { wilson_95: interval } = row;
  const range = interval ? `  95% CI [${interval.map((bound) => percent(bound)).join(", ")}]` : "";
  return [
    `${name} Results:`,
    line("Accuracy", percent(row.accuracy) + range),
    line("Correct", `${row.correct_count}/${row.total_count}`),
  ];
}

function troubles(row: DatasetResults): string[] {
  return [
    line("Unread", `${percent(row.unparsable_rate)} of the answers could not be read`),
    line("Cut", `${percent(row.truncated_rate)} ended at the token limit`),
    ...(row.error_count ? [line("Errors", `${row.error_count} questions failed and count as wrong`)] : []),
  ];
}
