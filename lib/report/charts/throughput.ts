import { figure } from "../../metrics/mod.ts";
import { DASHES, PALETTE } from "../theme.ts";
import { type Chart, completeSpec, CONCURRENCY_AXIS, type Measured, PANEL_WIDTH } from "./chart.ts";

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
          mark: { type: "line", point: { size: 55, filled: true }, color: PALETTE[0] },
          encoding: { x: CONCURRENCY_AXIS, y: { field: "value", type: "quantitative", title: "tokens/s" } },
        },
        {
          title: "Requests",
          width: PANEL_WIDTH,
          height: 170,
          data: { values: requests },
          mark: { type: "line", point: { size: 55, filled: true } },
          encoding: {
            x: CONCURRENCY_AXIS,
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
