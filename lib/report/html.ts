/** Small pieces of HTML. */
import { basename, isAbsolute } from "node:path";

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Makes text safe inside elements and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (c) => ENTITIES[c]);
}

/** A model's name in a title: of a path its last part. */
export function modelTitle(name: string | undefined): string {
  return name === undefined ? "" : isAbsolute(name) || name.startsWith(".") ? basename(name) : name;
}

/** A cell: text, or HTML that is already safe. */
export type Cell = string | number | { html: string };

/** Gives a table with a caption; the first column heads its row, the others are right-aligned. */
export function table(caption: string, head: string[], rows: Cell[][]): string {
  const cell = (c: Cell) => typeof c === "object" ? c.html : escapeHtml(String(c));
  return [
    '<div class="scroll"><table>',
    `<caption>${escapeHtml(caption)}</caption>`,
    `<thead><tr>${head.map((h) => `<th scope="col">${escapeHtml(h)}</th>`).join("")}</tr></thead>`,
    "<tbody>",
    ...rows.map(([first, ...rest]) =>
      `<tr><th scope="row">${cell(first)}</th>${rest.map((c) => `<td>${cell(c)}</td>`).join("")}</tr>`
    ),
    "</tbody></table></div>",
  ].join("\n");
}
