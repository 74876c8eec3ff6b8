/** What every chart of a run is made of: Vega-Lite v5 specs with inline data. Intervals are 95%. */
import type { TopLevelSpec } from "vega-lite";
import type { VariantName } from "../../compress/variant.ts";
import type { MetricsDocument } from "../../metrics/mod.ts";
import type { Level } from "../run_documents.ts";
import { chartConfig, PALETTE, VARIANT_COLOURS } from "../theme.ts";

export interface Chart {
  id: string;
  title: string;
  /** What the chart shows, in words. */
  alt: string;
  spec: TopLevelSpec;
}

/** A level whose metrics are there. */
export type Measured = Level & { metrics: MetricsDocument };

/** Two panels and their axes fill the report's width. */
export const PANEL_WIDTH = 335;

export const CONCURRENCY_AXIS = {
  field: "concurrency",
  type: "ordinal",
  title: "concurrency (requests in flight)",
};

/** Each variant in its colour; a legend of null is none. */
export const variantColour = (variants: readonly VariantName[], legend: object | null = {}) => ({
  field: "variant",
  legend,
  scale: { domain: variants, range: variants.map((v) => VARIANT_COLOURS[v]) },
});

/** A line across at an SLO's limit. */
export function limitLine(limit: number): object {
  return {
    data: { values: [{ limit }] },
    mark: { type: "rule", strokeDash: [6, 4], strokeWidth: 1.5 },
    encoding: {
      x: null,
      xOffset: null,
      y: { field: "limit", type: "quantitative" },
      tooltip: { field: "limit", title: "SLO limit, ms" },
      color: { value: PALETTE[6] },
    },
  };
}

/** The limits of an SLO in words. */
export function limitWords({ summary: { slo } }: MetricsDocument): string {
  const words = ([["TTFT", slo.ttft_ms], ["TPOT", slo.tpot_ms], ["E2E", slo.e2e_ms]] as const)
    .flatMap(([name, ms]) => ms === null ? [] : [`${name} ≤ ${ms} ms`]);
  return words.length ? words.join(", ") : "none";
}

/**
 * A choice of series by clicking on the legend (with shift: several), for `{ filter: { param: "shown" } }`.
 * @param field that tells the series apart
 * @param views names of the views that have the legend
 */
export function legendFilter(field: string, views?: readonly string[]): object {
  return {
    name: "shown",
    select: { type: "point", fields: [field] },
    bind: "legend",
    ...(views && { views }),
  };
}

/** Completes a spec; the types of vega-lite cannot follow specs that are put together from parts. */
export function completeSpec(body: object): TopLevelSpec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    config: chartConfig("#1f2328"),
    ...body,
  } as unknown as TopLevelSpec;
}
