/** What the questions are like: how hard, and how long. */
import { SPLITS } from "../../data/mod.ts";
import { percent } from "../../metrics/mod.ts";
import type { Example, SplitName } from "../../types/mod.ts";
import { PALETTE } from "../theme.ts";
import { type Chart, completeSpec, PANEL_WIDTH } from "./chart.ts";

const DIFFICULTIES = ["easy", "medium", "hard"] as const;

/** Splits of questions; each holds all data sets. */
export type Splits = Record<SplitName, readonly Example[]>;

/** Share of each difficulty, a bar for each split of each data set: alike where the split is stratified. */
export function difficultyChart(splits: Splits): Chart {
  const values = SPLITS.flatMap((split) =>
    [...Map.groupBy(splits[split], (e) => e.dataset)].flatMap(([dataset, asked]) =>
      DIFFICULTIES.map((difficulty, order) => {
        const count = asked.filter((e) => e.difficulty === difficulty).length;
        return {
          bar: `${dataset.toUpperCase()} · ${split}`,
          difficulty,
          order,
          count,
          share: count / asked.length,
        };
      })
    )
  ).sort((a, b) => a.bar.startsWith("MMLU") === b.bar.startsWith("MMLU") ? 0 : a.bar < b.bar ? 1 : -1);
  return {
    id: "difficulty",
    title: "Difficulty of the questions",
    alt: "Share of each difficulty: " +
      values.map((v) => `${v.bar} ${percent(v.share, 0)} ${v.difficulty}`).join(", ") + ".",
    spec: completeSpec({
      title: { text: "Difficulty of the questions", subtitle: "Share of each split" },
      width: 2 * PANEL_WIDTH - 90,
      height: { step: 24 },
      data: { values },
      mark: { type: "bar", stroke: "white", strokeWidth: 1 },
      encoding: {
        y: { field: "bar", type: "nominal", sort: null, title: null },
        x: {
          field: "share",
          type: "quantitative",
          title: "questions",
          axis: { format: "%" },
          scale: { domain: [0, 1] },
        },
        order: { field: "order" },
        color: {
          field: "difficulty",
          title: null,
          sort: null,
          scale: { domain: [...DIFFICULTIES], range: [PALETTE[5], PALETTE[0], PALETTE[1]] },
        },
        tooltip: [
          { field: "bar", title: "questions" },
          { field: "difficulty", title: "difficulty" },
          { field: "count", title: "count" },
          { field: "share", title: "share", format: ".1%" },
        ],
      },
    }),
  };
}

/** Distribution of the prompts' and the answers' tokens, a colour for each data set. */
export function questionLengthChart(examples: readonly Example[]): Chart {
  const panels = [
    { title: "Prompt", key: "inputLength" as const },
    { title: "Reference answer", key: "outputLength" as const },
  ];
  const datasets = [...new Set(examples.map((e) => e.dataset))];
  const lengths = (dataset: string, key: "inputLength" | "outputLength") =>
    examples.filter((e) => e.dataset === dataset).map((e) => e[key]);
  return {
    id: "question-length",
    title: "Length of the questions",
    alt: "Distribution of tokens. " +
      panels.map(({ title, key }) =>
        `${title}: ` +
        datasets.map((d) =>
          `${d.toUpperCase()} from ${Math.min(...lengths(d, key))} to ${Math.max(...lengths(d, key))}`
        ).join(", ")
      ).join(". ") + ".",
    spec: completeSpec({
      title: { text: "Length of the questions", subtitle: "Tokens of cl100k_base; share of each data set" },
      hconcat: panels.map(({ title, key }) => ({
        title,
        width: PANEL_WIDTH,
        height: 170,
        data: {
          values: datasets.flatMap((dataset) =>
            histogram(lengths(dataset, key), Math.max(...examples.map((e) => e[key])))
              .map((bin) => ({ dataset: dataset.toUpperCase(), ...bin }))
          ),
        },
        mark: { type: "bar", opacity: 0.6, binSpacing: 0 },
        encoding: {
          x: { field: "from", bin: { binned: true }, title: "tokens" },
          x2: { field: "to" },
          y: {
            field: "share",
            type: "quantitative",
            stack: null,
            title: "questions",
            axis: { format: "%" },
          },
          color: {
            field: "dataset",
            title: null,
            scale: { domain: datasets.map((d) => d.toUpperCase()) },
          },
          tooltip: [
            { field: "dataset", title: "data set" },
            { field: "from", title: "from" },
            { field: "to", title: "below" },
            { field: "count", title: "questions" },
          ],
        },
      })),
    }),
  };
}

/**
 * Counts values in at most 30 bins of equal, whole width; empty bins are left out.
 * @param largest the largest value of all that are to be compared
 */
export function histogram(
  values: readonly number[],
  largest: number,
): { from: number; to: number; count: number; share: number }[] {
  const width = Math.max(1, Math.ceil((largest + 1) / 30));
  const counts = new Map<number, number>();
  for (const value of values) {
    const from = width * Math.floor(value / width);
    counts.set(from, (counts.get(from) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b)
    .map(([from, count]) => ({ from, to: from + width, count, share: count / values.length }));
}
