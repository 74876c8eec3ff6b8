/**
 * Charts, tables and text as the output of a notebook's cell: `await show(latencyChart(levels))`.
 *
 * Each is a bundle of MIME types, from which JupyterLab, VS Code, nbconvert and GitHub take what they can draw.
 * Outside of a notebook the plain text is printed.
 */
import type { Chart } from "./charts/chart.ts";
import { type Cell, escapeHtml, table } from "./html.ts";
import { renderSvg } from "./svg.ts";

/** What a frontend may show, by MIME type. */
export type MimeBundle = Record<string, unknown> & { "text/plain": string };

export const VEGALITE_MIME = "application/vnd.vegalite.v5+json";

/** Shows a chart: interactive where the frontend draws Vega-Lite v5, else as an SVG. */
export async function show(chart: Chart): Promise<void> {
  await display(await chartBundle(chart));
}

/** Shows a table whose first column heads its rows. */
export async function showTable(caption: string, head: string[], rows: Cell[][]): Promise<void> {
  await display(tableBundle(caption, head, rows));
}

/** Shows text as it is, line by line: what a terminal would show. */
export async function showText(text: string): Promise<void> {
  await display({ "text/html": `<pre>${escapeHtml(text)}</pre>`, "text/plain": text });
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

/** The bundle of a table: HTML, and columns of text. */
export function tableBundle(caption: string, head: string[], rows: Cell[][]): MimeBundle {
  const text = (cell: Cell) =>
    typeof cell === "object" ? cell.html.replaceAll(/<[^>]*>/g, " ").trim() : String(cell);
  const lines = [head, ...rows.map((row) => row.map(text))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return {
    "text/html": table(caption, head, rows),
    "text/plain": [
      caption,
      ...lines.map((line) =>
        line.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ")
          .trimEnd()
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
