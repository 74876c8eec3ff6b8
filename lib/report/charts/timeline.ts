/** How a level went over time: each request where it was due, and how long it took. */
import { figure, missesOf } from "../../metrics/mod.ts";
import { median } from "../../math/mod.ts";
import type { RequestRecord, Slo } from "../../types/mod.ts";
import { PALETTE } from "../theme.ts";
import { type Chart, completeSpec, legendFilter, limitLine, PANEL_WIDTH } from "./chart.ts";

const OUTCOMES = ["within every SLO", "missed an SLO", "failed"] as const;
/** Most points of a panel. */
const MOST_POINTS = 2000;

/** TTFT and end-to-end latency of each request over the instant at which it was due. */
export function timelineChart(records: readonly RequestRecord[], slo: Slo): Chart {
  const every = Math.ceil(records.length / MOST_POINTS);
  const shown = records.filter((_, i) => i % every === 0);
  const panels = [
    { key: "ttftFromScheduledMs" as const, title: "Time to first token", limit: slo.ttftMs },
    { key: "e2eLatencyMs" as const, title: "End-to-end latency", limit: slo.e2eMs },
  ].map((panel) => ({
    ...panel,
    values: shown.map((r) => ({
      seconds: r.scheduledAt / 1000,
      // A failure has no latency: it is drawn where it ended.
      value: r.error === null ? r[panel.key] : r.doneAt - r.scheduledAt,
      outcome: r.error !== null
        ? OUTCOMES[2]
        : Object.values(missesOf(r, slo)).some((missed) => missed)
        ? OUTCOMES[1]
        : OUTCOMES[0],
      id: r.requestId,
    })).filter((v) => v.value !== null),
  })).filter((panel) => panel.values.length > 0);
  return {
    id: "timeline",
    title: "Latency over time",
    alt: "Latency of each request over the instant at which it was due. " +
      panels.map(({ title, values }) =>
        `${title}: median ${figure(median(values.map((v) => v.value!)), 0)} ms`
      )
        .join(". ") +
      ".",
    spec: completeSpec({
      title: {
        text: "Latency over time",
        subtitle: `Each request where it was due, timed from there${
          every > 1 ? `; every ${every}th of ${records.length}` : ""
        }`,
      },
      params: [legendFilter("outcome", panels.map((p) => p.key))],
      hconcat: panels.map(({ key, title, limit, values }) => ({
        title,
        width: PANEL_WIDTH,
        height: 190,
        data: { values },
        transform: [{ filter: { param: "shown" } }],
        encoding: {
          x: { field: "seconds", type: "quantitative", title: "due at, s" },
          y: { type: "quantitative", title: "ms", scale: { zero: true } },
          tooltip: [
            { field: "id", title: "request" },
            { field: "seconds", title: "due at, s", format: ",.2f" },
            { field: "value", title: "ms", format: ",.1f" },
            { field: "outcome", title: "outcome" },
          ],
        },
        layer: [
          {
            name: key,
            mark: { type: "point", size: 22, opacity: 0.8 },
            encoding: {
              y: { field: "value" },
              color: {
                field: "outcome",
                type: "nominal",
                title: "outcome",
                scale: { domain: [...OUTCOMES], range: [PALETTE[0], PALETTE[1], PALETTE[3]] },
              },
              shape: {
                field: "outcome",
                type: "nominal",
                title: "outcome",
                scale: { domain: [...OUTCOMES], range: ["circle", "triangle-up", "cross"] },
              },
            },
          },
          ...(limit !== null && values.some((v) => v.value! > limit / 3) ? [limitLine(limit)] : []),
        ],
      })),
      resolve: { legend: { color: "shared", shape: "shared" } },
    }),
  };
}
