import { quantileSorted, sorted } from "../../math/mod.ts";
import { figure } from "../../metrics/mod.ts";
import type { Level } from "../run_documents.ts";
import { DASHES } from "../theme.ts";
import { type Chart, completeSpec, legendFilter, PANEL_WIDTH } from "./chart.ts";

/** Distributions of TTFT and end-to-end latency, a curve for each level. */
export function ecdfChart(levels: Level[]): Chart {
  const panels = [
    { title: "Time to first token", key: "ttftMs" as const },
    { title: "End-to-end latency", key: "e2eLatencyMs" as const },
  ].map(({ title, key }) => {
    const curves = levels.map(({ concurrency, records }) => ({
      concurrency,
      values: sorted(records.flatMap((r) => r.error === null && r[key] !== null ? [r[key]] : [])),
    })).filter((c) => c.values.length > 0);
    return { title, key, curves };
  });
  const order = levels.map((l) => l.concurrency);
  return {
    id: "ecdf",
    title: "Distribution of latency",
    alt: "Share of requests that took at most so long, a curve for each concurrency. " +
      panels.map(({ title, curves }) =>
        `${title}: half within ` +
        curves.map((c) => `${figure(quantileSorted(c.values, 0.5), 0)} ms at concurrency ${c.concurrency}`)
          .join(", ")
      ).join(". ") + ".",
    spec: completeSpec({
      title: { text: "Distribution of latency", subtitle: "Share of requests that took at most so long" },
      params: [legendFilter("concurrency", panels.map((p) => p.key))],
      hconcat: panels.map(({ title, key, curves }) => ({
        name: key,
        title,
        transform: [{ filter: { param: "shown" } }],
        width: PANEL_WIDTH,
        height: 190,
        data: {
          values: curves.flatMap(({ concurrency, values }) =>
            ecdfPoints(values).map(([ms, share]) => ({ concurrency, ms, share }))
          ),
        },
        mark: { type: "line", interpolate: "step-after", strokeWidth: 2 },
        encoding: {
          x: { field: "ms", type: "quantitative", title: "ms", scale: { zero: true } },
          y: {
            field: "share",
            type: "quantitative",
            title: "requests",
            axis: { format: "%" },
            scale: { domain: [0, 1] },
          },
          color: {
            field: "concurrency",
            type: "nominal",
            sort: order,
            title: "concurrency",
            scale: { domain: order },
          },
          strokeDash: {
            field: "concurrency",
            type: "nominal",
            title: "concurrency",
            scale: { domain: order, range: DASHES },
          },
          tooltip: [
            { field: "concurrency", title: "concurrency" },
            { field: "ms", title: "ms", format: ",.1f" },
            { field: "share", title: "requests within it", format: ".1%" },
          ],
        },
      })),
    }),
  };
}

/** Gives at most 200 points of the empirical distribution of ascending values, both ends included. */
export function ecdfPoints(ascending: Float64Array, most = 200): [value: number, share: number][] {
  const n = ascending.length;
  const count = Math.min(n, most);
  return [
    [ascending[0], 0],
    ...Array.from({ length: count }, (_, i): [number, number] => {
      const rank = count === 1 ? n : 1 + Math.round(i * (n - 1) / (count - 1));
      return [ascending[rank - 1], rank / n];
    }),
  ];
}
