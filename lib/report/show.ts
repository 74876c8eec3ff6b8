/**
 * Charts, tables and text as the output of a notebook's cell: `await show(latencyChart(levels))`.
 *
 * Each is a bundle of MIME types, from which JupyterLab, VS Code, nbconvert and GitHub take what they can draw.
 * Outside of a notebook the plain text is printed.
 */
import type { Chart } from "./charts/chart.ts";
import { escapeHtml } from "./html.ts";
import { renderSvg } from "./svg.ts";

/** A row of a table; the first cell heads it. */
export type Row = (string | number)[];

/** What a frontend may show, by MIME type. */
export type MimeBundle = Record<string, unknown> & { "text/plain": string };

export const VEGALITE_MIME = "application/vnd.vegalite.v5+json";

/** Shows a chart: interactive where the frontend draws Vega-Lite v5, else as an SVG. */
export async function show(chart: Chart): Promise<void> {
  await display(await chartBundle(chart));
}

/** Shows a table whose first column heads its rows. */
export async function showTable(caption: string, head: string[], rows: Row[]): Promise<void> {
  await display(tableBundle(caption, head, rows));
}

/** Shows text as it is, line by line: what a terminal would show. */
export async function showText(text: string): Promise<void> {
  await display(textBundle(text));
}

/** The bundle of text whose lines and columns stay, in every frontend's own style of `pre`. */
export function textBundle(text: string): MimeBundle {
  const style = "font-family: monospace; white-space: pre-wrap; word-break: normal; line-height: 1.35";
  return { "text/html": `<pre style="${style}">${escapeHtml(text)}</pre>`, "text/plain": text };
}

/**
 * The bundle of a chart, on white in every theme.
 * @throws {Error} where the spec is not sound.
 */
export async function chartBundle(chart: Chart): Promise<MimeBundle> {
  const spec = { ...chart.spec, background: "white", padding: 8 } as Chart["spec"];
  return {
    [VEGALITE_MIME]: spec,
    "image/svg+xml": await renderSvg({ ...chart, spec }),
    "text/plain": `${chart.title}: ${chart.alt}`,
  };
}

/** The bundle of a table: HTML, and columns of text. Columns of figures end at the right, all others begin at the left. */
export function tableBundle(caption: string, head: string[], rows: Row[]): MimeBundle {
  const lines = [head, ...rows.map((row) => row.map(String))];
  const columns = head.map((_, i) => {
    const cells = lines.slice(1).map((line) => line[i]);
    const isFigures = i > 0 &&
      2 * cells.filter((c) => /^[-+<>=~ ]*[\d.][^ ]{0,12}/.test(c) && c.length < 24).length >= cells.length;
    return { align: isFigures ? "right" : "left", width: Math.max(...lines.map((line) => line[i].length)) };
  });
  const cell = (tag: string, text: string, i: number) =>
    `<${tag} style="text-align: ${columns[i].align}">${escapeHtml(text)}</${tag.split(" ")[0]}>`;
  return {
    "text/html": [
      `<table><caption style="text-align: left">${escapeHtml(caption)}</caption>`,
      `<thead><tr>${head.map((text, i) => cell('th scope="col"', text, i)).join("")}</tr></thead><tbody>`,
      ...lines.slice(1).map((line) =>
        `<tr>${line.map((text, i) => cell(i ? "td" : 'th scope="row"', text, i)).join("")}</tr>`
      ),
      "</tbody></table>",
    ].join("\n"),
    "text/plain": [
      caption,
      ...lines.map((line) =>
        line.map((text, i) =>
          columns[i].align === "left" ? text.padEnd(columns[i].width) : text.padStart(columns[i].width)
        )
          .join("  ").trimEnd()
      ),
    ].join("\n"),
  };
}

/** Sends a bundle to the notebook, and lets the kernel send it on before the cell goes on. */
async function display(data: MimeBundle): Promise<void> {
  const jupyter = kernel();
  if (jupyter === null) {
    console.log(data["text/plain"]);
    return;
  }
  await jupyter.broadcast("display_data", { data, metadata: {}, transient: {} });
  await new Promise((resolve) => setTimeout(resolve));
}

/** The kernel's own interface, or null outside of it, where even looking at it throws. */
function kernel(): typeof Deno.jupyter | null {
  try {
    return Deno.jupyter;
  } catch {
    return null;
  }
}
