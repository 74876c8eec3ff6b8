/** The variants of a model side by side. */
import { MMLU_CHANCE } from "../../eval/mod.ts";
import { figure, percent } from "../../metrics/mod.ts";
import { megabytes, type StudyDocument } from "../study.ts";
import { PALETTE } from "../theme.ts";
import { type Chart, completeSpec, CONCURRENCY_AXIS, PANEL_WIDTH, variantColour } from "./chart.ts";

const DATASETS = [["mmlu", "MMLU"], ["gsm8k", "GSM8K"]] as const;

/** Gives every chart that a study holds figures for. */
export function studyCharts(study: StudyDocument): Chart[] {
  const has = (measure: (row: StudyDocument["rows"][number]) => unknown) => study.rows.some(measure);
  return [
    ...has((r) => r.mmlu.total_count + r.gsm8k.total_count > 0) ? [studyAccuracyChart(study)] : [],
    ...study.comparisons.some((c) => c.overall !== null) ? [changesChart(study)] : [],
    ...has((r) => r.levels.some((l) => l.throughput_tokens_per_sec !== null)) ? [speedChart(study)] : [],
  ];
}

/** Exact match with Wilson intervals of each variant, a panel for each data set. */
export function studyAccuracyChart({ rows }: StudyDocument): Chart {
  const variants = rows.map((r) => r.variant);
  const panels = DATASETS.map(([key, name]) => ({
    key,
    name,
    values: rows.filter((r) => r[key].total_count > 0).map((r) => ({
      variant: r.variant,
      label: r.bytes === null ? r.variant : `${r.variant}, ${megabytes(r.bytes)}`,
      accuracy: r[key].accuracy,
      lower: r[key].wilson_95?.[0] ?? null,
      upper: r[key].wilson_95?.[1] ?? null,
      count: r[key].total_count,
    })),
  })).filter((panel) => panel.values.length > 0);
  return {
    id: "study-accuracy",
    title: "Accuracy of the variants",
    alt: "Exact match of each variant with Wilson intervals. " +
      panels.map(({ name, values }) =>
        `${name}: ` +
        values.map((v) =>
          `${v.label} ${percent(v.accuracy, 1)} (${percent(v.lower, 1)} to ${percent(v.upper, 1)})`
        ).join(", ")
      ).join(". ") + ". Guessing gives 25% on MMLU.",
    spec: completeSpec({
      title: {
        text: "Accuracy of the variants",
        subtitle: "Exact match with 95% Wilson intervals; the bar across is what guessing gives",
      },
      hconcat: panels.map(({ key, name, values }) => ({
        title: name,
        width: PANEL_WIDTH - 60,
        height: { step: 32 },
        data: { values },
        encoding: {
          y: { field: "label", type: "nominal", sort: null, title: null },
          x: {
            type: "quantitative",
            title: "right answers",
            axis: { format: "%", grid: true },
            scale: { domain: [0, 1] },
          },
          color: variantColour(variants, null),
          tooltip: [
            { field: "label", title: "variant" },
            { field: "accuracy", title: "right", format: ".1%" },
            { field: "lower", title: "from", format: ".1%" },
            { field: "upper", title: "to", format: ".1%" },
            { field: "count", title: "questions" },
          ],
        },
        layer: [
          {
            mark: { type: "rule", strokeWidth: 2 },
            encoding: { x: { field: "lower", type: "quantitative" }, x2: { field: "upper" } },
          },
          {
            mark: { type: "point", filled: true, size: 70, opacity: 1 },
            encoding: { x: { field: "accuracy" } },
          },
          ...key === "mmlu"
            ? [{
              data: { values: [{ chance: MMLU_CHANCE }] },
              mark: { type: "rule", strokeDash: [6, 4] },
              encoding: {
                y: null,
                x: { field: "chance", type: "quantitative" },
                color: { value: PALETTE[6] },
                tooltip: { field: "chance", title: "guessing", format: ".0%" },
              },
            }]
            : [],
        ],
      })),
    }),
  };
}

const CHANGES = ["right to wrong", "wrong to right", "wrong to another wrong"] as const;

/** Answers of each variant that are not those of the first one. */
export function changesChart({ comparisons, rows }: StudyDocument): Chart {
  const first = rows[0].variant;
  const values = comparisons.filter((c) => c.first === first).flatMap((c) =>
    DATASETS.flatMap(([key, name]) => {
      const pair = c[key];
      if (pair === null) return [];
      const counts = [
        pair.rightToWrong,
        pair.wrongToRight,
        pair.changed - pair.rightToWrong - pair.wrongToRight,
      ];
      return counts.map((count, order) => ({
        label: `${c.second}, ${name}`,
        kind: CHANGES[order],
        order,
        share: count / pair.count,
        count,
        of: pair.count,
      }));
    })
  );
  return {
    id: "study-changes",
    title: `Answers that are not those of ${first}`,
    alt: `Answers that are not those of ${first}: ` +
      values.map((v) => `${v.label}, ${v.kind}: ${v.count} of ${v.of}`).join("; ") + ".",
    spec: completeSpec({
      title: {
        text: `Answers that are not those of ${first}`,
        subtitle: "A variant can keep its accuracy and still answer other questions right",
      },
      width: 2 * PANEL_WIDTH - 80,
      height: { step: 28 },
      data: { values },
      mark: "bar",
      encoding: {
        y: { field: "label", type: "nominal", sort: null, title: null },
        x: { field: "share", type: "quantitative", title: "questions", axis: { format: "%", grid: true } },
        order: { field: "order" },
        color: {
          field: "kind",
          title: null,
          scale: { domain: [...CHANGES], range: [PALETTE[1], PALETTE[2], PALETTE[6]] },
        },
        tooltip: [
          { field: "label", title: "variant" },
          { field: "kind", title: "change" },
          { field: "count", title: "questions" },
          { field: "of", title: "of" },
        ],
      },
    }),
  };
}

/** Output tokens a second of each variant over concurrency. */
export function speedChart({ rows }: StudyDocument): Chart {
  const values = rows.flatMap((r) =>
    r.levels.map(({ concurrency, throughput_tokens_per_sec: value }) => ({
      variant: r.variant,
      concurrency,
      value,
    }))
  ).filter((v) => v.value !== null);
  const variants = rows.map((r) => r.variant);
  return {
    id: "study-speed",
    title: "Throughput of the variants",
    alt: "Output tokens a second over concurrency: " +
      values.map((v) => `${v.variant} ${figure(v.value, 1)} at concurrency ${v.concurrency}`).join(", ") +
      ".",
    spec: completeSpec({
      title: {
        text: "Throughput of the variants",
        subtitle: "Closed loop; bars from left to right as in the legend",
      },
      width: 2 * PANEL_WIDTH - 80,
      height: 170,
      data: { values },
      mark: "bar",
      encoding: {
        x: CONCURRENCY_AXIS,
        xOffset: { field: "variant", sort: variants },
        y: { field: "value", type: "quantitative", title: "output tokens/s" },
        color: { ...variantColour(variants), title: null },
        tooltip: [
          { field: "variant", title: "variant" },
          { field: "concurrency", title: "concurrency" },
          { field: "value", title: "tokens/s", format: ",.1f" },
        ],
      },
    }),
  };
}
