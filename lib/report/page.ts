/** A report as one self-contained page: no network, light and dark, for screen and print. */
import type { Chart } from "./charts/chart.ts";
import { escapeHtml } from "./html.ts";
import { pageScript } from "./page_script.ts";
import { STYLE } from "./style.ts";
import { renderSvg } from "./svg.ts";

/** The page may load nothing; Vega makes functions of a spec's expressions. */
const NO_NETWORK =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data:";

export interface PageParts {
  /** What kind of report it is. */
  kicker: string;
  title: string;
  /** Says that the questions are the sample. */
  isSample: boolean;
  /** What a reader must know in ten seconds, as HTML. */
  summary: string;
  charts: readonly Chart[];
  /** What follows the charts, as HTML; empty ones are left out. */
  sections: readonly string[];
}

/**
 * Puts a page together.
 * @throws {Error} where a chart's spec does not compile.
 */
export async function htmlPage(
  { kicker, title, isSample, summary, charts, sections }: PageParts,
): Promise<string> {
  const figures: string[] = [];
  for (const chart of charts) {
    figures.push(`<figure id="${chart.id}">\n${await renderSvg(chart, "currentColor")}\n</figure>`);
  }
  return [
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<meta http-equiv="Content-Security-Policy" content="${NO_NETWORK}">`,
    `<title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style>\n</head>\n<body>\n<main>`,
    `<header><p class="kicker">${escapeHtml(kicker)}</p><h1>${escapeHtml(title)}</h1></header>`,
    isSample
      ? '<p class="notice" role="note"><strong>Sample data.</strong> The questions are the sample that comes with ' +
        "slolab, not MMLU and GSM8K: accuracies say nothing about the benchmarks.</p>"
      : "",
    summary,
    figures.length ? `<section>\n<h2>Charts</h2>\n${figures.join("\n")}\n</section>` : "",
    ...sections,
    "</main>",
    await pageScript(charts),
    "</body>\n</html>\n",
  ].filter((part) => part !== "").join("\n");
}

/** A card of the summary: a question and its answer. */
export function card(name: string, text: string, style: "ok" | "warn" | "bad" | "" = ""): string {
  return `<div class="card ${style}"><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd></div>`;
}
