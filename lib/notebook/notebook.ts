/** Notebook files (`.ipynb`, nbformat 4). */
import { join } from "node:path";
import { readJson } from "../std/files.ts";

export interface NotebookCell {
  cell_type: "code" | "markdown" | "raw";
  source: string | string[];
  outputs?: NotebookOutput[];
  execution_count?: number | null;
}

export interface NotebookOutput {
  output_type: "stream" | "display_data" | "execute_result" | "error";
  /** Of streams. */
  text?: string | string[];
  /** By MIME type. */
  data?: Record<string, unknown>;
}

export interface Notebook {
  cells: NotebookCell[];
  metadata: Record<string, unknown>;
  nbformat: number;
}

/** Lists a folder's notebooks by name. */
export async function listNotebooks(folder: string): Promise<{ name: string; path: string }[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name.endsWith(".ipynb")) names.push(name);
  }
  return names.sort().map((name) => ({ name: name.slice(0, -".ipynb".length), path: join(folder, name) }));
}

/**
 * Reads a notebook.
 * @throws {BadInput} where the file is absent or is not JSON.
 */
export function readNotebook(path: string): Promise<Notebook> {
  return readJson<Notebook>(path);
}

/** The text of a cell, or of a stream's output. */
export function textOf(source: string | string[]): string {
  return typeof source === "string" ? source : source.join("");
}

/** The code cells' texts, in order; empty ones are left out. */
export function codeOf({ cells }: Notebook): string[] {
  return cells.filter((c) => c.cell_type === "code").map((c) => textOf(c.source)).filter((t) => t.trim());
}
