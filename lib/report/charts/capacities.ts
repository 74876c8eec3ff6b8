/** Latency and SLO attainment of several variants against the rate of requests. */
import { percent } from "../../metrics/mod.ts";
import type { Searched } from "../capacities.ts";
import { VARIANT_COLOURS } from "../theme.ts";
import { capacityWords, RATE_AXIS } from "./capacity.ts";
import { type Chart, completeSpec, legendFilter, limitLine, PANEL_WIDTH } from "./chart.ts";

/** The curves of the searches, a colour for each variant. */
export function capacitiesChart(searched: readonly Searched[]): Chart {
  const { slo, attainment } = searched[0].capacity;
  const rows = searched.flatMap(({ variant, capacity }) =>
    capacity.curve.map((row) => ({ variant, ...row }))
  );
  const variants = searched.map((s) => s.variant);
  const panels = [
    { field: "ttft_p99_ms", title: "Time to first token, p99", limit: slo.ttft_ms },
    { field: "tpot_p99_ms", title: "Time per output token, p99", limit: slo.tpot_ms },
    { field: "e2e_p99_ms", title: "End-to-end latency, p99", limit: slo.e2e_ms },
    { field: "attainment", title: "Requests within every SLO", limit: attainment },
  ].map((panel) => ({
    ...panel,
    values: rows.filter((row) => row[panel.field as "attainment"] !== null),
  })).filter((panel) => panel.values.length > 0);
  return {
    id: "capacities",
    title: "Latency against rate",
    alt: "Latency and SLO attainment of each variant against the rate. " +
      searched.map(({ variant, capacity }) => `${variant}: ${capacityWords(capacity)}`).join(" "),
    spec: completeSpec({
      title: {
        text: "Latency against rate",
        subtitle: `Timed from the planned sending; the dashed lines are the SLOs and ${
          percent(attainment, 1)
        }`,
      },
      params: [legendFilter("variant", panels.map((panel) => panel.field))],
      columns: 2,
      concat: panels.map(({ field, title, limit, values }) => {
        const share = field === "attainment";
        return {
          title,
          width: PANEL_WIDTH,
          height: 180,
          layer: [
            {
              name: field,
              data: { values },
              transform: [{ filter: { param: "shown" } }],
              mark: { type: "line", point: { size: 45, filled: true }, strokeWidth: 2 },
              encoding: {
                x: RATE_AXIS,
                y: {
                  field,
                  type: "quantitative",
                  title: share ? "requests" : "ms",
                  ...share && { axis: { format: "%" } },
                  scale: share ? { domain: [0, 1] } : { zero: true },
                },
                color: {
                  field: "variant",
                  scale: { domain: variants, range: variants.map((v) => VARIANT_COLOURS[v]) },
                },
                tooltip: [
                  { field: "variant" },
                  { field: "rate", title: "requests/s", format: ".3~r" },
                  { field, title, format: share ? ".1%" : ",.1f" },
                  { field: "verdict", title: "SLOs" },
                ],
              },
            },
            ...(limit === null ? [] : [limitLine(limit)]),
          ],
        };
      }),
    }),
  };
}
