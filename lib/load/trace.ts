/**
 * Traces of real services: when requests came and how long they were.
 *
 * ```
 * TIMESTAMP,ContextTokens,GeneratedTokens          (Azure, CSV)
 * 2023-11-16 18:15:46.6805900,374,44
 * {"timestamp": 27482, "input_length": 6955, "output_length": 52}     (Mooncake, JSONL, ms)
 * ```
 * @see Patel et al. 2024, Splitwise (ISCA), for Azure's
 * @see Qin et al. 2024, Mooncake (arXiv:2407.00079), for the JSONL
 */
import { BadInput } from "../std/errors.ts";
import { readJsonl } from "../std/files.ts";
import { createRandom, sample } from "../math/mod.ts";

export interface TokenLengths {
  inputTokens: number;
  outputTokens: number;
}

export interface TraceRequest extends TokenLengths {
  /** Ms from an origin that all requests of a trace share. */
  atMs: number;
}

/**
 * Reads a trace, in the order of time. A name that ends in `.jsonl` holds JSON lines, any other CSV.
 * @throws {BadInput} where the file is absent or empty, or naming the line that is no request.
 */
export async function readTrace(path: string): Promise<TraceRequest[]> {
  const trace = path.endsWith(".jsonl")
    ? (await readJsonl(path)).map((r, i) =>
      requestOf(path, i + 1, Number(r.timestamp ?? NaN), r.input_length, r.output_length)
    )
    : await readCsv(path);
  if (trace.length === 0) {
    throw new BadInput(`Cannot replay ${path} as it must hold a request: it holds none`);
  }
  return trace.sort((a, b) => a.atMs - b.atMs);
}

const HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens";

async function readCsv(path: string): Promise<TraceRequest[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
  }
  const [header, ...lines] = text.split(/\r?\n/);
  if (header !== HEADER) {
    throw new BadInput(
      `Cannot read ${path} as its first line must be ${HEADER}: it is '${header.slice(0, 60)}'`,
    );
  }
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const [at, input, output] = line.split(",").map((field) => field.trim());
    return [requestOf(path, i + 2, parseInstant(at), Number(input || NaN), Number(output || NaN))];
  });
}

/** Ms of `2023-11-16 18:15:46.6805900`, to 100 ns, with or without `+00:00`; seen as UTC, as only gaps matter. */
function parseInstant(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(?:\+00:00|Z)?$/.exec(text);
  return match === null ? NaN : Date.parse(`${match[1]}T${match[2]}Z`) + 1000 * Number(match[3] ?? 0);
}

function requestOf(path: string, line: number, atMs: number, input: unknown, output: unknown): TraceRequest {
  const isCount = (n: unknown) => Number.isInteger(n) && (n as number) >= 0;
  if (!Number.isFinite(atMs) || !isCount(input) || !isCount(output)) {
    throw new BadInput(
      `Cannot read ${path} as each line must hold an instant and two token counts: line ${line} does not`,
    );
  }
  return { atMs, inputTokens: input as number, outputTokens: output as number };
}

/**
 * Draws requests without replacement, in the order of time; the trace's shape over its whole length stays.
 * @throws {BadInput} where the trace has fewer requests.
 */
export function thinTrace(trace: readonly TraceRequest[], count: number, seed: number): TraceRequest[] {
  if (!Number.isInteger(count) || count < 1 || count > trace.length) {
    throw new BadInput(
      `Cannot thin a trace to ${count} requests as it must have them: it has ${trace.length}`,
    );
  }
  const kept = sample(trace.map((_, i) => i), count, createRandom(seed)).sort((a, b) => a - b);
  return kept.map((i) => trace[i]);
}
