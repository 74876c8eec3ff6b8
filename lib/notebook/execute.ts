/** Notebooks executed headless: each leaves `NAME.ipynb` with its outputs, and `NAME.html`. */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { JUPYTER_VARIABLES } from "./environment.ts";
import { QUICK_VARIABLE } from "./settings.ts";

export interface ExecuteOptions {
  /** Interpreter of the environment. */
  python: string;
  /** Where the executed notebook and its page go. */
  outDir: string;
  quick?: boolean;
  /** Longest that a cell may take, in seconds (default: as long as it takes). */
  cellTimeoutS?: number;
  /** Further variables of the kernel's environment. */
  env?: Record<string, string>;
  onCell?: (cell: ExecutedCell) => void;
  /** Stops the notebook, which is then a failure. */
  signal?: AbortSignal;
}

/** A code cell that ended, counted from 1. */
export interface ExecutedCell {
  cell: number;
  of: number;
  seconds: number;
}

export interface Execution {
  ok: boolean;
  /** What went wrong, with the cell's number; else null. */
  error: string | null;
  seconds: number;
  /** Paths of what was executed, the part before a failure included. */
  notebook: string;
  page: string;
}

/**
 * Executes a notebook in a fresh kernel whose working directory is the notebook's folder. It fails at the first
 * output of type error: of a cell, or of a rejection or an exception that nothing awaits.
 * @throws {Error} where Python ends before it can say how it went.
 */
export async function executeNotebook(path: string, options: ExecuteOptions): Promise<Execution> {
  const { python, outDir, quick = false, cellTimeoutS = 0, onCell = () => {} } = options;
  await Deno.mkdir(outDir, { recursive: true });
  const name = basename(path, ".ipynb");
  const notebook = join(outDir, `${name}.ipynb`), page = join(outDir, `${name}.html`);
  const script = fileURLToPath(new URL("execute.py", import.meta.url));
  const child = new Deno.Command(python, {
    args: [script, path, notebook, page, String(cellTimeoutS)],
    env: { ...JUPYTER_VARIABLES, [QUICK_VARIABLE]: quick ? "1" : "", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: options.signal,
  }).spawn();
  const errors = new Response(child.stderr).text();
  let end: Omit<Execution, "notebook" | "page"> | null = null;
  for await (const line of lines(child.stdout)) {
    const record = JSON.parse(line);
    if ("cell" in record) onCell(record);
    else end = record;
  }
  const [{ code }, text] = await Promise.all([child.status, errors]);
  if (end === null) {
    throw new Error(
      `Cannot tell how ${name} went as its executor must end by itself: it ended with code ${code} and said '${
        text.trim().split("\n").at(-1)
      }'`,
    );
  }
  return { ...end, notebook, page };
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}
