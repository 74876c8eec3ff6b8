/**
 * Results under the names and rules of lm-evaluation-harness, as its table has them: a row for each task of MMLU, for
 * each of its groups, which are weighted by size, and for GSM8K.
 *
 * @see https://github.com/EleutherAI/lm-evaluation-harness/blob/v0.4.13/lm_eval/api/metrics.py `mean_stderr`, `pooled_sample_stderr`
 */
import type { Prediction } from "./predictions.ts";

/** `acc,none` and the like; a standard error is null below two documents. */
export type LmEvalRow = Record<string, number | null>;

/** Sums predictions up; a task without a document has no row. */
export function lmEvalResults(predictions: readonly Prediction[]): Record<string, LmEvalRow> {
  const rows: Record<string, LmEvalRow> = {};
  const mmlu = predictions.filter((p) => p.dataset === "mmlu");
  const group = (name: string, members: readonly Prediction[]) => {
    if (members.length === 0) return;
    const tasks = [...Map.groupBy(members, (p) => p.subject).values()].map((own) => accuracy(own, "correct"));
    rows[name] = {
      "acc,none": weighted(tasks),
      "acc_stderr,none": pooled(tasks),
      sample_len: members.length,
    };
  };
  group("mmlu", mmlu);
  for (const category of ["STEM", "other", "social sciences", "humanities"]) {
    group(
      `mmlu_${category.toLowerCase().replace(" ", "_")}`,
      mmlu.filter((p) => p.category === category),
    );
  }
  for (const [subject, own] of [...Map.groupBy(mmlu, (p) => p.subject)].sort(([a], [b]) => a < b ? -1 : 1)) {
    const { mean, stderr, size } = accuracy(own, "correct");
    rows[`mmlu_${subject}`] = { "acc,none": mean, "acc_stderr,none": stderr, sample_len: size };
  }
  const gsm8k = predictions.filter((p) => p.dataset === "gsm8k");
  if (gsm8k.length > 0) {
    const strict = accuracy(gsm8k, "strictCorrect"), flexible = accuracy(gsm8k, "correct");
    rows.gsm8k = {
      "exact_match,strict-match": strict.mean,
      "exact_match_stderr,strict-match": strict.stderr,
      "exact_match,flexible-extract": flexible.mean,
      "exact_match_stderr,flexible-extract": flexible.stderr,
      sample_len: gsm8k.length,
    };
  }
  return rows;
}

interface Accuracy {
  mean: number;
  stderr: number | null;
  size: number;
}

function accuracy(predictions: readonly Prediction[], right: "correct" | "strictCorrect"): Accuracy {
  const size = predictions.length;
  const mean = predictions.filter((p) => p[right]).length / size;
  return { mean, stderr: size < 2 ? null : Math.sqrt(mean * (1 - mean) / (size - 1)), size };
}

const sum = (tasks: readonly Accuracy[], of: (task: Accuracy) => number) =>
  tasks.reduce((total, task) => total + of(task), 0);

const weighted = (tasks: readonly Accuracy[]) =>
  sum(tasks, (t) => t.mean * t.size) / sum(tasks, (t) => t.size);

function pooled(tasks: readonly Accuracy[]): number | null {
  if (tasks.some((t) => t.stderr === null)) return null;
  const size = sum(tasks, (t) => t.size);
  const variance = sum(tasks, (t) => (t.size - 1) * t.stderr! ** 2 * t.size) / (size - tasks.length);
  return Math.sqrt(variance / size);
}
