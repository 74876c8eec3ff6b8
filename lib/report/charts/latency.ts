/** Percentiles of latency; an interval without an upper bound (too few requests) is dashed, with a triangle on top. */
import { type Distribution, figure } from "../../metrics/mod.ts";
import {
  type Chart,
  completeSpec,
  CONCURRENCY_AXIS,
  legendFilter,
  limitLine,
  limitWords,
  type Measured,
  PANEL_WIDTH,
} from "./chart.ts";

type MetricKey = "ttft" | "tpot" | "e2e_latency" | "queue_wait";
const METRIC_NAMES: Record<MetricKey, string> = {
  ttft: "Time to first token",
  tpot: "Time per output token",
  e2e_latency: "End-to-end latency",
  queue_wait: "Queue wait",
};

const LEGEND = "percentile, from left to right";
const SHOWN = ["p50", "p95", "p99"] as const;

/** Latency percentiles with their intervals over concurrency. */
export function latencyChart(levels: Measured[]): Chart {
  const keys = (Object.keys(METRIC_NAMES) as MetricKey[])
    .filter((key) => levels.some((l) => l.metrics[key].count > 0));
  const slo = levels[0].metrics.summary.slo;
  const limits: Partial<Record<MetricKey, number | null>> = {
    ttft: slo.ttft_ms,
    tpot: slo.tpot_ms,
    e2e_latency: slo.e2e_ms,
  };
  const rows = (key: MetricKey) =>
    levels.flatMap(({ concurrency, metrics }) =>
      SHOWN.flatMap((p) => intervalRow(concurrency, p, metrics[key]))
    );
  const panel = (key: MetricKey) => {
    const values = rows(key);
    const limit = limits[key] ?? null;
    const top = Math.max(...values.map((v) => v.drawn_upper));
    return {
      title: METRIC_NAMES[key],
      transform: [{ filter: { param: "shown" } }],
      width: PANEL_WIDTH,
      height: 170,
      data: { values },
      encoding: {
        x: CONCURRENCY_AXIS,
        xOffset: { field: "percentile" },
        y: { type: "quantitative", title: "ms", scale: { zero: true } },
        color: {
          field: "percentile",
          title: LEGEND,
          scale: { domain: [...SHOWN] },
        },
        tooltip: [
          { field: "concurrency", title: "concurrency" },
          { field: "percentile", title: "percentile" },
          { field: "value", title: "ms", format: ",.1f" },
          { field: "lower", title: "from, ms", format: ",.1f" },
          { field: "upper", title: "to, ms", format: ",.1f" },
          { field: "count", title: "requests" },
        ],
      },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 2 },
          encoding: {
            y: { field: "lower", type: "quantitative" },
            y2: { field: "drawn_upper" },
            strokeDash: {
              condition: { test: "datum.upper === null", value: [3, 3] },
              value: [1, 0],
            },
          },
        },
        {
          name: key,
          mark: { type: "point", filled: true, size: 55, opacity: 1 },
          encoding: {
            y: { field: "value" },
            shape: {
              field: "percentile",
              title: LEGEND,
              scale: { domain: [...SHOWN], range: ["circle", "square", "diamond"] },
            },
          },
        },
        {
          transform: [{ filter: "datum.upper === null" }],
          mark: { type: "point", shape: "triangle-up", filled: true, size: 40, yOffset: -11, opacity: 1 },
          encoding: { y: { field: "drawn_upper" } },
        },
        ...(limit !== null && limit <= 1.5 * top ? [limitLine(limit)] : []),
      ],
    };
  };
  const open = levels.some((l) =>
    keys.some((k) => l.metrics[k].count > 0 && l.metrics[k].p99_ci[1] === null)
  );
  const last = levels.at(-1)!;
  return {
    id: "latency",
    title: "Latency over concurrency",
    alt: "Latency percentiles over concurrency with 95% intervals. " +
      keys.map((key) =>
        `${METRIC_NAMES[key]}, median and p99 in ms: ` +
        levels.filter((l) => l.metrics[key].count > 0).map((l) =>
          `${figure(l.metrics[key].p50, 0)} and ${
            figure(l.metrics[key].p99, 0)
          } at concurrency ${l.concurrency}`
        ).join(", ")
      ).join(". ") + `. The SLO limits are ${limitWords(last.metrics)}.`,
    spec: completeSpec({
      title: {
        text: "Latency over concurrency",
        subtitle: `Percentiles with 95% intervals${
          open ? "; dashed with a triangle: too few requests for an upper bound" : ""
        }`,
      },
      params: [legendFilter("percentile", keys)],
      concat: keys.map(panel),
      columns: 2,
      resolve: { legend: { color: "shared", shape: "shared" } },
    }),
  };
}

function intervalRow(concurrency: number, percentile: typeof SHOWN[number], metric: Distribution) {
  const value = metric[percentile];
  if (value === null) return [];
  const [lower, upper] = metric[`${percentile}_ci`];
  return [{
    concurrency,
    percentile,
    value,
    lower: lower ?? value,
    upper,
    count: metric.count,
    drawn_upper: upper ?? metric.max ?? value,
  }];
}
