import { figure } from "../../metrics/mod.ts";
import { DASHES } from "../theme.ts";
import {
  type Chart,
  completeSpec,
  CONCURRENCY_AXIS,
  legendFilter,
  type Measured,
  PANEL_WIDTH,
} from "./chart.ts";

const SERIES = ["completed", "within every SLO (goodput)"] as const;

/** Throughput and goodput over concurrency. */
export function throughputChart(levels: Measured[]): Chart {
  const tokens = levels.map(({ concurrency, metrics: { summary: s } }) => ({
    concurrency,
    value: s.throughput_tokens_per_sec,
  }));
  const requests = levels.flatMap(({ concurrency, metrics: { summary: s } }) => [
    { concurrency, series: SERIES[0], value: s.throughput_requests_per_sec },
    { concurrency, series: SERIES[1], value: s.goodput_requests_per_sec },
  ]);
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
    spec: completeSpec({
      title: { text: "Throughput and goodput over concurrency" },
      hconcat: [
        {
          title: "Output tokens",
          width: PANEL_WIDTH,
          height: 170,
          data: { values: tokens },
          mark: { type: "line", point: { size: 55, filled: true } },
          encoding: {
            x: CONCURRENCY_AXIS,
            y: { field: "value", type: "quantitative", title: "tokens/s" },
            tooltip: [
              { field: "concurrency", title: "concurrency" },
              { field: "value", title: "tokens/s", format: ",.2f" },
            ],
          },
        },
        {
          title: "Requests",
          width: PANEL_WIDTH,
          height: 170,
          data: { values: requests },
          params: [legendFilter("series")],
          transform: [{ filter: { param: "shown" } }],
          mark: { type: "line", point: { size: 55, filled: true } },
          encoding: {
            x: CONCURRENCY_AXIS,
            y: { field: "value", type: "quantitative", title: "requests/s" },
            color: {
              field: "series",
              title: null,
              legend: { symbolType: "stroke" },
              scale: { domain: [...SERIES] },
            },
            strokeDash: {
              field: "series",
              title: null,
              legend: { symbolType: "stroke" },
              scale: { domain: [...SERIES], range: DASHES.slice(0, 2) },
            },
            tooltip: [
              { field: "concurrency", title: "concurrency" },
              { field: "series", title: "requests" },
              { field: "value", title: "requests/s", format: ",.3f" },
            ],
          },
        },
      ],
    }),
  };
}
