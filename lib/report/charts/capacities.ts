/** Latency and SLO attainment of several variants against the rate of requests. */
import type { VariantName } from "../../compress/variant.ts";
import { type CapacityDocument, percent } from "../../metrics/mod.ts";
import { DASHES } from "../theme.ts";
import { capacityWords, ratePanel } from "./capacity.ts";
import { type Chart, completeSpec, legendFilter, variantColour } from "./chart.ts";

/** What one variant's search left. */
export interface Searched {
  variant: VariantName;
  capacity: CapacityDocument;
}

/** The curves of the searches, a line for each variant. */
export function capacitiesChart(searched: readonly Searched[]): Chart {
  const { slo, attainment } = searched[0].capacity;
  const rows = searched.flatMap(({ variant, capacity }) =>
    capacity.curve.map((row) => ({ variant, ...row }))
  );
  const variants = searched.map((s) => s.variant);
  const ms = { axis: { title: "ms" }, scale: { zero: true }, format: ",.1f" };
  const share = { axis: { title: "requests", format: "%" }, scale: { domain: [0, 1] }, format: ".1%" };
  const panels = ([
    { field: "ttft_p99_ms", title: "Time to first token, p99", limit: slo.ttft_ms, ...ms },
    { field: "tpot_p99_ms", title: "Time per output token, p99", limit: slo.tpot_ms, ...ms },
    { field: "e2e_p99_ms", title: "End-to-end latency, p99", limit: slo.e2e_ms, ...ms },
    { field: "attainment", title: "Requests within every SLO", limit: attainment, ...share },
  ] as const)
    .map((panel) => ({ ...panel, values: rows.filter((row) => row[panel.field] !== null) }))
    .filter((panel) => panel.values.length > 0);
  return {
    id: "capacities",
    title: "Latency against rate",
    alt: "Latency and SLO attainment of each variant against the rate. " +
      searched.map(({ variant, capacity }) => `${variant}: ${capacityWords(capacity)}`).join(" "),
    spec: completeSpec({
      title: {
        text: "Latency against rate",
        subtitle: `Timed from the planned sending; the dashed lines across are the SLOs and ${
          percent(attainment, 1)
        }`,
      },
      params: [legendFilter("variant", panels.map((panel) => panel.field))],
      columns: 2,
      concat: panels.map(({ field, title, limit, values, axis, scale, format }) =>
        ratePanel({
          name: field,
          title,
          values,
          limit,
          encoding: {
            y: { field, type: "quantitative", axis, scale },
            color: variantColour(variants, { symbolType: "stroke" }),
            strokeDash: { field: "variant", scale: { domain: variants, range: DASHES } },
          },
          tooltip: [{ field: "variant" }, { field, title, format }],
        })
      ),
    }),
  };
}
