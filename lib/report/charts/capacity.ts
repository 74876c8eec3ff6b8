/** Latency and SLO attainment against the rate of requests, with the interval that holds the capacity. */
import { type CapacityDocument, figure, percent } from "../../metrics/mod.ts";
import { PALETTE } from "../theme.ts";
import { type Chart, completeSpec, legendFilter, limitLine, PANEL_WIDTH } from "./chart.ts";

const PANEL_HEIGHT = 180;
const SHOWN = ["p50", "p90", "p99"] as const;
const VERDICTS = ["met", "undecided", "missed"] as const;
const METRICS = [
  { key: "ttft", title: "Time to first token" },
  { key: "tpot", title: "Time per output token" },
  { key: "e2e", title: "End-to-end latency" },
] as const;

/** Requests a second, on which capacities lie far apart. */
const RATE_AXIS = {
  field: "rate",
  type: "quantitative",
  title: "requests/s",
  scale: { type: "log", nice: false, padding: 12 },
  axis: { grid: false, format: ".3~r", labelOverlap: true },
};

const RATE_TIP = { field: "rate", title: "requests/s", format: ".3~r" };
const VERDICT_TIP = { field: "verdict", title: "SLOs" };

export interface RatePanel {
  name: string;
  title: string;
  /** With `rate` and `verdict`. */
  values: readonly object[];
  /** Layers below the lines. */
  below?: readonly object[];
  /** Where a line across is; null for none. */
  limit: number | null;
  encoding: object;
  /** What is shown of a value beside its rate and the verdict. */
  tooltip: readonly object[];
}

/** A panel of lines against the rate; a choice in the legend shows some of them. */
export function ratePanel({ name, title, values, below = [], limit, encoding, tooltip }: RatePanel): object {
  return {
    title,
    width: PANEL_WIDTH,
    height: PANEL_HEIGHT,
    layer: [
      ...below,
      {
        name,
        data: { values },
        transform: [{ filter: { param: "shown" } }],
        mark: { type: "line", point: { size: 45, filled: true }, strokeWidth: 2 },
        encoding: { x: RATE_AXIS, ...encoding, tooltip: [RATE_TIP, ...tooltip, VERDICT_TIP] },
      },
      ...(limit === null ? [] : [limitLine(limit)]),
    ],
  };
}

/** The curve of a capacity search. */
export function capacityChart(document: CapacityDocument): Chart {
  const { curve, interval: [lower, upper], attainment } = document;
  const band = lower === null || upper === null ? [] : [{
    data: { values: [{ lower, upper }] },
    mark: { type: "rect", opacity: 0.18, color: PALETTE[6] },
    encoding: {
      x: { field: "lower", type: "quantitative" },
      x2: { field: "upper" },
      tooltip: [
        { field: "lower", title: "carried, requests/s", format: ".3~r" },
        { field: "upper", title: "not carried, requests/s", format: ".3~r" },
      ],
    },
  }];
  const latencies = METRICS.map(({ key, title }) => ({
    key,
    title,
    values: curve.flatMap((row) =>
      SHOWN.flatMap((percentile) => {
        const value = row[`${key}_${percentile}_ms`];
        return value === null ? [] : [{ rate: row.rate, percentile, value, verdict: row.verdict }];
      })
    ),
  })).filter((panel) => panel.values.length > 0);
  const limits = { ttft: document.slo.ttft_ms, tpot: document.slo.tpot_ms, e2e: document.slo.e2e_ms };
  const panels = latencies.map(({ key, title, values }) =>
    ratePanel({
      name: key,
      title,
      values,
      below: band,
      limit: limits[key],
      encoding: {
        y: { field: "value", type: "quantitative", title: "ms", scale: { zero: true } },
        color: { field: "percentile", title: "percentile", scale: { domain: [...SHOWN] } },
      },
      tooltip: [
        { field: "percentile", title: "percentile" },
        { field: "value", title: "ms", format: ",.1f" },
      ],
    })
  );
  const shares = curve.filter((row) => row.attainment !== null).map((row) => ({
    rate: row.rate,
    value: row.attainment,
    lower: row.attainment_ci[0],
    upper: row.attainment_ci[1],
    verdict: row.verdict,
    requests: row.requests,
  }));
  return {
    id: "capacity",
    title: "Latency against rate",
    alt: `Latency and SLO attainment against the rate. ${capacityWords(document)} ` +
      curve.map((row) => `${figure(row.rate, 3)} requests/s: ${percent(row.attainment, 1)}, ${row.verdict}`)
        .join("; ") +
      ".",
    spec: completeSpec({
      title: {
        text: "Latency against rate",
        subtitle: "Timed from the planned sending; the capacity lies within the grey band",
      },
      params: [legendFilter("percentile", latencies.map((l) => l.key))],
      columns: 2,
      concat: [
        ...panels,
        {
          title: "Requests within every SLO",
          width: PANEL_WIDTH,
          height: PANEL_HEIGHT,
          layer: [
            ...band,
            {
              data: { values: shares },
              mark: { type: "rule", strokeWidth: 2, color: PALETTE[6] },
              encoding: {
                x: RATE_AXIS,
                y: {
                  field: "lower",
                  type: "quantitative",
                  title: "requests",
                  axis: { format: "%" },
                  scale: { domain: [0, 1] },
                },
                y2: { field: "upper" },
              },
            },
            {
              data: { values: shares },
              mark: { type: "point", filled: true, size: 60, opacity: 1 },
              encoding: {
                x: RATE_AXIS,
                y: { field: "value", type: "quantitative" },
                color: {
                  field: "verdict",
                  title: "SLOs",
                  scale: { domain: [...VERDICTS], range: [PALETTE[2], PALETTE[4], PALETTE[1]] },
                },
                shape: {
                  field: "verdict",
                  title: "SLOs",
                  scale: { domain: [...VERDICTS], range: ["circle", "diamond", "triangle-up"] },
                },
                tooltip: [
                  RATE_TIP,
                  { field: "value", title: "within every SLO", format: ".1%" },
                  { field: "requests", title: "requests" },
                  VERDICT_TIP,
                ],
              },
            },
            limitLine(attainment),
          ],
        },
      ],
      resolve: { scale: { color: "independent", shape: "independent" } },
    }),
  };
}

/** The capacity in a sentence. */
export function capacityWords(
  { capacity_requests_per_sec: capacity, interval: [, upper], attainment, undecided_rates }: CapacityDocument,
): string {
  const share = `${percent(attainment, 1)} of the requests within every SLO`;
  const hedge = undecided_rates.length
    ? ` ${
      undecided_rates.length === 1 ? "A rate" : `${undecided_rates.length} rates`
    } between could not be judged.`
    : "";
  if (capacity === null) {
    return upper === null
      ? `No rate could be judged: ${share} was neither proven nor disproven.`
      : `No rate was found at which ${share} holds; ${figure(upper, 3)} requests/s is too much.${hedge}`;
  }
  return upper === null
    ? `At least ${
      figure(capacity, 3)
    } requests/s are carried with ${share}: no rate was found that is too much.${hedge}`
    : `${figure(capacity, 3)} requests/s are carried with ${share}; ${figure(upper, 3)} are not.${hedge}`;
}
