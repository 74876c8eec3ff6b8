import { MMLU_CHANCE } from "../../eval/mod.ts";
import { wilson } from "../../math/mod.ts";
import { percent } from "../../metrics/mod.ts";
import { type AccuracyRow, datasetsOf, type EvaluationDocument } from "../run_documents.ts";
import { PALETTE } from "../theme.ts";
import { type Chart, completeSpec, PANEL_WIDTH } from "./chart.ts";

/** Exact match with Wilson intervals: each data set, then its categories and difficulties. */
export function accuracyChart(evaluation: EvaluationDocument): Chart {
  const values = datasetsOf(evaluation).flatMap(({ key, name, accuracy }) => {
    const parts = key === "overall" ? [] : [
      ...Object.entries(accuracy.by_category ?? {}),
      ...inOrder(accuracy.by_difficulty ?? {}, ["easy", "medium", "hard"]),
    ];
    return [
      accuracyRow(name, "data set", accuracy, key === "mmlu" ? MMLU_CHANCE : null),
      ...parts.filter(([, part]) => part.total_count > 0).map(([part, row]) =>
        accuracyRow(`${name} · ${part}`, "part", row, key === "mmlu" ? MMLU_CHANCE : null)
      ),
    ];
  });
  return {
    id: "accuracy",
    title: "Accuracy",
    alt: "Exact match with Wilson intervals: " +
      values.map((v) =>
        `${v.label} ${percent(v.accuracy, 1)} (${percent(v.lower, 1)} to ${
          percent(v.upper, 1)
        }, ${v.count} questions)`
      ).join("; ") + ". Guessing gives 25% on MMLU.",
    spec: completeSpec({
      title: {
        text: "Accuracy",
        subtitle: "Exact match with 95% Wilson intervals; bars across: what guessing gives",
      },
      width: 2 * PANEL_WIDTH - 90,
      height: { step: 22 },
      data: { values },
      encoding: {
        y: {
          field: "label",
          type: "nominal",
          sort: values.map((v) => v.label),
          title: null,
          axis: { labelLimit: 240 },
        },
        x: {
          type: "quantitative",
          title: "right answers",
          axis: { format: "%", grid: true },
          scale: { domain: [0, 1] },
        },
        tooltip: [
          { field: "label", title: "questions" },
          { field: "accuracy", title: "right", format: ".1%" },
          { field: "lower", title: "from", format: ".1%" },
          { field: "upper", title: "to", format: ".1%" },
          { field: "count", title: "questions asked" },
        ],
        color: {
          field: "kind",
          legend: null,
          scale: { domain: ["data set", "part"], range: [PALETTE[1], PALETTE[0]] },
        },
      },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 2 },
          encoding: { x: { field: "lower", type: "quantitative" }, x2: { field: "upper" } },
        },
        {
          mark: { type: "point", filled: true, size: 60, opacity: 1 },
          encoding: { x: { field: "accuracy" } },
        },
        {
          transform: [{ filter: "datum.chance !== null" }],
          mark: { type: "tick", thickness: 1.5, color: PALETTE[6] },
          encoding: {
            x: { field: "chance", type: "quantitative" },
            color: { value: PALETTE[6] },
            tooltip: { field: "chance", title: "guessing", format: ".0%" },
          },
        },
      ],
    }),
  };
}

function accuracyRow(label: string, kind: string, row: AccuracyRow, chance: number | null) {
  const [lower, upper] = row.wilson_95 ?? wilson(row.correct_count, row.total_count) ?? [null, null];
  return { label, kind, accuracy: row.accuracy, lower, upper, count: row.total_count, chance };
}

/** Entries of a record, the named ones first and in order. */
function inOrder<T>(record: Record<string, T>, names: string[]): [string, T][] {
  const rank = (name: string) => (names.indexOf(name) + names.length + 1) % (names.length + 1);
  return Object.entries(record).sort(([a], [b]) => rank(a) - rank(b));
}
