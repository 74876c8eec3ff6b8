import { DASHES, PALETTE } from "../theme.ts";
import type { RunComparison } from "../comparison/compare_runs.ts";
import { changeText, figureName } from "../comparison/words.ts";
import { type Chart, completeSpec, legendFilter, PANEL_WIDTH } from "./chart.ts";

/** Figures worth a row of the chart; the tables have them all. */
const SHOWN = /^(TTFT|TPOT|E2E latency) (p50|p95|p99)$|^throughput$|^goodput$/;

/** Relative differences of two runs with their intervals, level by level; null where there is none. */
export function differencesChart({ levels }: RunComparison): Chart | null {
  const values = levels.flatMap(({ level, differences }) =>
    differences.flatMap((d) => {
      const { a, difference, relative, interval: [lower, upper], unit } = d;
      if (relative === null || a === null || !SHOWN.test(figureName(d)) || d.unit === "share") return [];
      return [{
        level,
        figure: figureName(d) + (unit === "requests/s" || unit === "tokens/s" ? `, ${unit}` : ""),
        relative,
        // An open bound ends at the point: the table says that it is open.
        lower: (lower ?? difference!) / a,
        upper: (upper ?? difference!) / a,
        verdict: d.verdict === "none" ? "not told apart" : d.verdict,
        change: changeText(d),
      }];
    })
  );
  if (values.length === 0) return null;
  const figures = [...new Set(values.map((v) => v.figure))];
  const names = levels.map((l) => l.level);
  const told = values.filter((v) => v.verdict !== "not told apart");
  const row = {
    y: { field: "figure", type: "nominal", sort: figures, title: null, axis: { labelLimit: 0 } },
    yOffset: { field: "level", type: "nominal", sort: names },
    color: { field: "level", type: "nominal", sort: names, title: null, scale: { range: PALETTE } },
  };
  return {
    id: "differences",
    title: "B against A",
    alt: "Relative difference of B from A with 95% intervals: " +
      (told.length
        ? told.map((v) => `${v.figure} at ${v.level} ${v.change}, ${v.verdict}`).join("; ")
        : "none can be told from 0") +
      ".",
    spec: completeSpec({
      title: {
        text: "B against A",
        subtitle: "Difference relative to A with its 95% interval, level by level",
      },
      width: 2 * PANEL_WIDTH - 60,
      height: { step: 10, for: "offset" },
      data: { values },
      transform: [{ filter: { param: "shown" } }],
      layer: [
        {
          data: { values: [{}] },
          mark: { type: "rule", strokeDash: DASHES[1], strokeWidth: 1.5, color: PALETTE[6] },
          encoding: { x: { datum: 0 } },
        },
        {
          mark: { type: "rule", strokeWidth: 2 },
          encoding: {
            ...row,
            x: {
              field: "lower",
              type: "quantitative",
              title: "B - A, relative to A",
              axis: { format: "+%", tickCount: 8 },
            },
            x2: { field: "upper" },
          },
        },
        {
          params: [legendFilter("level")],
          mark: { type: "point", size: 55, opacity: 1, filled: true },
          encoding: {
            ...row,
            x: { field: "relative", type: "quantitative" },
            shape: {
              field: "verdict",
              type: "nominal",
              title: null,
              legend: { symbolFillColor: PALETTE[6], symbolStrokeColor: PALETTE[6] },
              scale: {
                domain: ["worse", "better", "not told apart"],
                range: ["triangle-up", "diamond", "circle"],
              },
            },
            tooltip: [
              { field: "level", title: "level" },
              { field: "figure", title: "figure" },
              { field: "change", title: "B - A" },
              { field: "verdict", title: "verdict" },
            ],
          },
        },
      ],
    }),
  };
}
