/** `summary.csv`: records and tokens of each dataset x subject x difficulty x split. */
import { mean, quantile } from "../math/mod.ts";
import { toCsv } from "../std/csv.ts";
import type { Example, SplitName } from "../types/mod.ts";
import { groupBy } from "./duplicates.ts";
import { SPLITS } from "./split.ts";

const COLUMNS = [
  "dataset",
  "subject",
  "difficulty",
  "split",
  "count",
  "input_tokens_mean",
  "input_tokens_p95",
  "output_tokens_mean",
  "output_tokens_p95",
] as const;

/** Writes a line for each group that has records, ordered by dataset, subject and split. */
export function summaryCsv(splits: Record<SplitName, readonly Example[]>): string {
  const groups = SPLITS.flatMap((split, order) =>
    [...groupBy(splits[split], (e) => `${e.dataset}/${e.subject}/${e.difficulty}`)]
      .map(([key, examples]) => ({ key: `${key}/${order}`, split, examples }))
  ).sort((a, b) => a.key < b.key ? -1 : 1);
  const round = (value: number | null) => value === null ? null : Number(value.toFixed(2));
  return toCsv(
    COLUMNS,
    groups.map(({ split, examples }) => {
      const { dataset, subject, difficulty } = examples[0];
      const input = examples.map((e) => e.inputLength);
      const output = examples.map((e) => e.outputLength);
      return {
        dataset,
        subject,
        difficulty,
        split,
        count: examples.length,
        input_tokens_mean: round(mean(input)),
        input_tokens_p95: round(quantile(input, 0.95)),
        output_tokens_mean: round(mean(output)),
        output_tokens_p95: round(quantile(output, 0.95)),
      };
    }),
  );
}
