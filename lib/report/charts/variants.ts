/** What a variant is made of, and what it says: sizes, errors of the weights, next tokens. */
import type { VariantReport } from "../../compress/build.ts";
import type { VariantName } from "../../compress/variant.ts";
import { percent } from "../../metrics/mod.ts";
import { type Chart, completeSpec, legendFilter, PANEL_WIDTH, variantColour } from "./chart.ts";

/** Bytes of each variant. */
export function sizeChart(rows: readonly { variant: VariantName; bytes: number; bits: number }[]): Chart {
  const values = rows.map(({ variant, bytes, bits }) => ({
    variant,
    mb: bytes / 1e6,
    bits,
    label: `${(bytes / 1e6).toFixed(1)} MB, ${bits.toFixed(2)} bits a weight`,
  }));
  return {
    id: "variant-size",
    title: "Size of the variants",
    alt: `Size of each variant: ${values.map((v) => `${v.variant} ${v.label}`).join("; ")}.`,
    spec: completeSpec({
      title: { text: "Size of the variants" },
      width: 2 * PANEL_WIDTH - 90,
      height: { step: 34 },
      data: { values },
      encoding: {
        y: { field: "variant", type: "nominal", sort: null, title: null },
        x: { field: "mb", type: "quantitative", title: "MB", scale: { domainMin: 0 } },
        tooltip: [{ field: "variant", title: "variant" }, { field: "label", title: "size" }],
      },
      layer: [
        { mark: { type: "bar" }, encoding: { color: variantColour(rows.map((r) => r.variant), null) } },
        {
          mark: { type: "text", align: "right", dx: -6, color: "white", fontWeight: 600 },
          encoding: { text: { field: "label" } },
        },
      ],
    }),
  };
}

/** The layer of a matrix's name, and which of the layer's matrices it is; layer null outside of layers. */
export function placeOf(name: string): { layer: number | null; part: string } {
  const [, layer, part] = /(?:layers|h)\.(\d+)\.(.+?)(?:\.weight)?$/.exec(name) ?? [];
  return layer === undefined
    ? { layer: null, part: name.replace(/\.weight$/, "") }
    : { layer: Number(layer), part: part.replace(/^(self_attn|mlp|attn)\./, "") };
}

/** Relative error of each layer's matrices, a panel for each kind of matrix. */
export function weightErrorChart(reports: readonly (VariantReport & { variant: VariantName })[]): Chart {
  const values = reports.flatMap(({ variant, matrices }) =>
    matrices.map((m) => ({
      variant,
      ...placeOf(m.name),
      bits: `${m.bits} bit`,
      error: m.relative_error,
    }))
  ).filter((v) => v.layer !== null);
  const parts = [...new Set(values.map((v) => v.part))];
  const variants = reports.map((r) => r.variant);
  return {
    id: "weight-error",
    title: "Error of the weights by layer",
    alt: "Relative error of each matrix by layer, for each kind of matrix. " +
      reports.map((r) => `${r.variant}: ${percent(r.relative_error, 3)} over all matrices`).join(", ") + ".",
    spec: completeSpec({
      title: {
        text: "Error of the weights by layer",
        subtitle:
          "Root of squared error over squared weight; the scale is logarithmic; a square is stored at 8 bit",
      },
      params: [legendFilter("variant", parts)],
      columns: 2,
      concat: parts.map((part) => ({
        name: part,
        title: part,
        width: PANEL_WIDTH,
        height: 110,
        data: { values: values.filter((v) => v.part === part) },
        transform: [{ filter: { param: "shown" } }],
        mark: { type: "line", point: { size: 30, filled: true }, strokeWidth: 1 },
        encoding: {
          x: { field: "layer", type: "quantitative", title: "layer", axis: { tickMinStep: 1 } },
          y: {
            field: "error",
            type: "quantitative",
            title: "relative error",
            scale: { type: "log" },
            axis: { format: "~%", tickCount: 4 },
          },
          color: variantColour(variants),
          detail: { field: "variant" },
          shape: {
            field: "bits",
            title: "stored at",
            scale: { domain: ["4 bit", "8 bit", "16 bit"], range: ["circle", "square", "diamond"] },
          },
          tooltip: [
            { field: "variant", title: "variant" },
            { field: "layer", title: "layer" },
            { field: "bits", title: "stored at" },
            { field: "error", title: "relative error", format: ".3%" },
          ],
        },
      })),
      resolve: { legend: { color: "shared", shape: "shared" } },
    }),
  };
}

/** A token that may come next, by what a variant thinks of it. */
export interface NextToken {
  variant: VariantName;
  token: string;
  /** Null where it is not among the likeliest that were asked for. */
  probability: number | null;
}

/** Probabilities of the next token, variant beside variant; tokens in the order given. */
export function nextTokenChart(rows: readonly NextToken[]): Chart {
  const variants = [...new Set(rows.map((r) => r.variant))];
  const values = rows.map((r) => ({ ...r, token: JSON.stringify(r.token) }));
  return {
    id: "next-token",
    title: "The next token",
    alt: "Probabilities of the next token. " +
      variants.map((variant) =>
        `${variant}: ` +
        values.filter((r) => r.variant === variant && r.probability !== null)
          .map((r) => `${r.token} ${percent(r.probability, 1)}`).join(", ")
      ).join(". ") + ".",
    spec: completeSpec({
      title: {
        text: "The next token",
        subtitle: "Probabilities after the same prompt, of the tokens that the first variant finds likeliest",
      },
      width: 2 * PANEL_WIDTH,
      height: 190,
      data: { values: values.filter((v) => v.probability !== null) },
      mark: { type: "bar" },
      encoding: {
        x: { field: "token", type: "nominal", sort: null, title: "token", axis: { labelLimit: 90 } },
        xOffset: { field: "variant", sort: variants },
        y: { field: "probability", type: "quantitative", title: "probability", axis: { format: "%" } },
        color: variantColour(variants),
        tooltip: [
          { field: "token", title: "token" },
          { field: "variant", title: "variant" },
          { field: "probability", title: "probability", format: ".2%" },
        ],
      },
    }),
  };
}
