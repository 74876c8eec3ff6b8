/** Colours and type of every chart. */
import type { VariantName } from "../compress/variant.ts";

/**
 * Colours of series, told apart by readers with any colour vision (Okabe and Ito); the first four keep a
 * contrast of 3 against white and against the report's dark background.
 */
export const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F"];

/** A variant has the same colour in every chart. */
export const VARIANT_COLOURS: Record<VariantName, string> = {
  base: PALETTE[0],
  med: PALETTE[2],
  cheap: PALETTE[1],
  fp32: PALETTE[6],
};

/** Line patterns beside the colours, so that no series is told by colour alone. */
export const DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 3], [4, 4], [1, 3]];

/**
 * The Vega-Lite config of every chart.
 * @param ink colour of text and axes; `currentColor` follows the page
 */
export function chartConfig(ink: string): object {
  const faint = { gridColor: ink, gridOpacity: 0.12, domainColor: ink, tickColor: ink };
  return {
    aria: false,
    background: null,
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    axis: {
      ...faint,
      labelColor: ink,
      titleColor: ink,
      labelFontSize: 11,
      titleFontSize: 11,
      titleFontWeight: 500,
    },
    axisX: { grid: false, labelAngle: 0 },
    legend: {
      labelColor: ink,
      titleColor: ink,
      orient: "top",
      labelLimit: 0,
      titleLimit: 0,
      labelFontSize: 11,
      titleFontSize: 11,
      symbolStrokeWidth: 2,
    },
    title: { color: ink, subtitleColor: ink, anchor: "start", fontSize: 13, subtitleFontSize: 11, offset: 8 },
    mark: { color: PALETTE[0] },
    view: { stroke: null },
    range: { category: PALETTE },
  };
}
