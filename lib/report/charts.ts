/**
 * From result documents to Vega-Lite v5 specs with inline data.
 *
 * Intervals are 95%. One without an upper bound (too few requests) is drawn dashed, with a triangle on top.
 */
import type { TopLevelSpec } from "vega-lite";
import { quantileSorted, sorted, wilson } from "../math/mod.ts";
import { MMLU_CHANCE } from "../eval/mod.ts";
import type { Distribution, MetricsDocument } from "../metrics/mod.ts";
import { figure, percent } from "../metrics/mod.ts";
import { type AccuracyRow, datasetsOf, type EvaluationDocument, type Level } from "./run_documents.ts";
import { chartConfig, DASHES, PALETTE } from "./theme.ts";

export interface Chart {
  id: string;
  title: string;
  /** What the chart shows, in words. */
  alt: string;
  spec: TopLevelSpec;
}

type Measured = Level & { metrics: MetricsDocument };
type MetricKey = "ttft" | "tpot" | "e2e_latency" | "queue_wait";
const METRIC_NAMES: Record<MetricKey, string> = {
  ttft: "Time to first token",
  tpot: "Time per output token",
  e2e_latency: "End-to-end latency",
  queue_wait: "Queue wait",
};
/** Two panels and their axes fill the report's width. */
const PANEL_WIDTH = 335;

/** Gives every chart that the documents of a run hold figures for. */
export function chartsOf(levels: Level[], evaluation: EvaluationDocument | null): Chart[] {
  const measured = levels.filter((l): l is Measured => l.metrics !== null);
  const charts: Chart[] = [];
  if (measured.some((l) => l.metrics.summary.successful_requests > 0)) charts.push(latencyChart(measured));
  if (measured.length) charts.push(throughputChart(measured), sloChart(measured));
  if (levels.some((l) => l.records.some((r) => r.e2eLatencyMs !== null))) charts.push(ecdfChart(levels));
  if (datasetsOf(evaluation).length) charts.push(accuracyChart(evaluation!));
  return charts;
}

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
      (["p50", "p95", "p99"] as const).flatMap((p) => intervalRow(concurrency, p, metrics[key]))
    );
  const panel = (key: MetricKey) => {
    const values = rows(key);
    const limit = limits[key] ?? null;
    const top = Math.max(...values.map((v) => v.drawn_upper));
    return {
      title: METRIC_NAMES[key],
      width: PANEL_WIDTH,
      height: 170,
      data: { values },
      encoding: {
        x: { field: "concurrency", type: "ordinal", title: "concurrency (requests in flight)" },
        xOffset: { field: "percentile" },
        y: { type: "quantitative", title: "ms", scale: { zero: true } },
        color: { field: "percentile", title: "percentile, from left to right" },
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
          mark: { type: "point", filled: true, size: 55, opacity: 1 },
          encoding: {
            y: { field: "value" },
            shape: { field: "percentile", legend: null, scale: { range: ["circle", "square", "diamond"] } },
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
    spec: spec({
      title: {
        text: "Latency over concurrency",
        subtitle: `Percentiles with 95% intervals${
          open ? "; dashed with a triangle: too few requests for an upper bound" : ""
        }`,
      },
      concat: keys.map(panel),
      columns: 2,
      resolve: { legend: { color: "shared", shape: "shared" } },
    }),
  };
}

function intervalRow(concurrency: number, percentile: "p50" | "p95" | "p99", metric: Distribution) {
  const value = metric[percentile];
  if (value === null) return [];
  const [lower, upper] = metric[`${percentile}_ci`];
  return [{
    concurrency,
    percentile,
    value,
    lower: lower ?? value,
    upper,
    drawn_upper: upper ?? metric.max ?? value,
  }];
}

/** Throughput and goodput over concurrency. */
export function throughputChart(levels: Measured[]): Chart {
  const tokens = levels.map(({ concurrency, metrics: { summary: s } }) => ({
    concurrency,
    value: s.throughput_tokens_per_sec,
  }));
  const requests = levels.flatMap(({ concurrency, metrics: { summary: s } }) => [
    { concurrency, series: "completed", value: s.throughput_requests_per_sec },
    { concurrency, series: "within every SLO (goodput)", value: s.goodput_requests_per_sec },
  ]);
  const x = { field: "concurrency", type: "ordinal", title: "concurrency (requests in flight)" };
  return {
    id: "throughput",
    title: "Throughput and goodput over concurrency",
    alt: "Throughput over concurrency. " +
      levels.map(({ concurrency, metrics: { summary: s } }) =>
        `At concurrency ${concurrency}: ${
          figure(s.throughput_tokens_per_sec, 1)
        } output tokens per second, ` +
        `${figure(s.throughput_requests_per_sec)} requests per second completed, ` +
        `${figure(s.goodput_requests_per_sec)} within every SLO`
      ).join(". ") + ".",
    spec: spec({
      title: { text: "Throughput and goodput over concurrency" },
      hconcat: [
        {
          title: "Output tokens",
          width: PANEL_WIDTH,
          height: 170,
          data: { values: tokens },
          mark: { type: "line", point: { size: 55, filled: true }, color: PALETTE[0] },
          encoding: { x, y: { field: "value", type: "quantitative", title: "tokens/s" } },
        },
        {
          title: "Requests",
          width: PANEL_WIDTH,
          height: 170,
          data: { values: requests },
          mark: { type: "line", point: { size: 55, filled: true } },
          encoding: {
            x,
            y: { field: "value", type: "quantitative", title: "requests/s" },
            color: { field: "series", title: null, legend: { symbolType: "stroke" } },
            strokeDash: {
              field: "series",
              title: null,
              legend: { symbolType: "stroke" },
              scale: { range: DASHES.slice(0, 2) },
            },
          },
        },
      ],
    }),
  };
}

/** Share of requests within every SLO over concurrency. */
export function sloChart(levels: Measured[]): Chart {
  const values = levels.map(({ concurrency, metrics: { summary: s } }) => ({
    concurrency,
    value: s.slo_compliance,
    lower: s.slo_compliance_ci[0],
    upper: s.slo_compliance_ci[1],
  }));
  return {
    id: "slo",
    title: "SLO attainment over concurrency",
    alt: `Share of requests within every SLO (${limitWords(levels[0].metrics)}) with Wilson intervals: ` +
      values.map((v) => `${percent(v.value, 1)} at concurrency ${v.concurrency}`).join(", ") + ".",
    spec: spec({
      title: {
        text: "SLO attainment over concurrency",
        subtitle: `Requests within every limit (${
          limitWords(levels[0].metrics)
        }); failures miss; 95% intervals`,
      },
      width: 2 * PANEL_WIDTH + 50,
      height: 150,
      data: { values },
      encoding: {
        x: { field: "concurrency", type: "ordinal", title: "concurrency (requests in flight)" },
        y: { type: "quantitative", title: "requests", axis: { format: "%" }, scale: { domain: [0, 1] } },
      },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 2, color: PALETTE[0] },
          encoding: { y: { field: "lower", type: "quantitative" }, y2: { field: "upper" } },
        },
        {
          mark: { type: "point", filled: true, size: 55, opacity: 1, color: PALETTE[0] },
          encoding: { y: { field: "value" } },
        },
      ],
    }),
  };
}

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
    return { title, curves };
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
    spec: spec({
      title: { text: "Distribution of latency", subtitle: "Share of requests that took at most so long" },
      hconcat: panels.map(({ title, curves }) => ({
        title,
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
    spec: spec({
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
          encoding: { x: { field: "chance", type: "quantitative" }, color: { value: PALETTE[6] } },
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

/** A line across at an SLO's limit. */
function limitLine(limit: number): object {
  return {
    data: { values: [{ limit }] },
    mark: { type: "rule", strokeDash: [6, 4], strokeWidth: 1.5 },
    encoding: {
      x: null,
      xOffset: null,
      y: { field: "limit", type: "quantitative" },
      color: { value: PALETTE[6] },
    },
  };
}

function limitWords({ summary: { slo } }: MetricsDocument): string {
  const words = ([["TTFT", slo.ttft_ms], ["TPOT", slo.tpot_ms], ["E2E", slo.e2e_ms]] as const)
    .flatMap(([name, ms]) => ms === null ? [] : [`${name} ≤ ${ms} ms`]);
  return words.length ? words.join(", ") : "none";
}

/** Completes a spec; the types of vega-lite cannot follow specs that are put together from parts. */
function spec(body: object): TopLevelSpec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    config: chartConfig("#1f2328"),
    ...body,
  } as unknown as TopLevelSpec;
}
