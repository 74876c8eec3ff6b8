/** Vega-Lite specs to SVG without a browser. */
import { join } from "node:path";
import process from "node:process";

import type { Spec } from "vega";
import type { TopLevelSpec } from "vega-lite";
import type { Chart } from "./charts/chart.ts";
import { writeAtomic } from "../std/files.ts";
import { escapeHtml } from "./html.ts";
import { chartConfig } from "./theme.ts";

/** Loads vega only when something is drawn, without the deprecation notice of one of its dependencies. */
async function loadVega() {
  const settings = process as unknown as { noDeprecation?: boolean };
  const before = settings.noDeprecation;
  settings.noDeprecation = true;
  try {
    return { vega: await import("vega"), vegaLite: await import("vega-lite") };
  } finally {
    settings.noDeprecation = before;
  }
}

/**
 * Compiles a chart to a Vega spec.
 * @param ink colour of text and axes; `currentColor` follows the page that the chart stands in
 * @throws {Error} where the spec is not sound.
 */
export async function compileChart(chart: Chart, ink?: string): Promise<Spec> {
  const { vega, vegaLite } = await loadVega();
  // A copy: Vega writes into the data that it is given.
  const spec = structuredClone(ink === undefined ? chart.spec : { ...chart.spec, config: chartConfig(ink) });
  const warnings: string[] = [];
  const logger = vega.logger(vega.Warn);
  logger.warn = (...message) => (warnings.push(message.join(" ")), logger);
  const compiled = vegaLite.compile(spec as TopLevelSpec, { logger }).spec;
  if (warnings.length) {
    throw new Error(`Cannot draw ${chart.id} as its spec must be sound: ${warnings.join("; ")}`);
  }
  return compiled;
}

/**
 * Draws a chart as an SVG element with its alt text.
 * @param ink colour of text and axes; `currentColor` follows the page that the SVG stands in
 * @throws {Error} where the spec does not compile.
 */
export async function renderSvg(chart: Chart, ink?: string): Promise<string> {
  const compiled = await compileChart(chart, ink);
  const { vega } = await loadVega();
  const view = new vega.View(vega.parse(compiled), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg
    .replaceAll(/(id="|url\(#)((?:clip|gradient)[^")]*)/g, `$1${chart.id}-$2`)
    .replace("<svg ", `<svg role="img" aria-label="${escapeHtml(chart.alt)}" `);
}

/**
 * Draws each chart to a file of its own, `<id>.svg`.
 * @returns the paths of the files
 */
export async function writeSvgFiles(charts: readonly Chart[], dir: string): Promise<string[]> {
  const paths: string[] = [];
  await Deno.mkdir(dir, { recursive: true });
  for (const chart of charts) {
    const path = join(dir, `${chart.id}.svg`);
    await writeAtomic(path, await renderSvg(chart));
    paths.push(path);
  }
  return paths;
}
