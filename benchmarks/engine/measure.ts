/**
 * What every engine of the comparison can do, how it is timed, and the lines over which the benchmark asks for it:
 * each engine is a process of its own, and only one of them is asked at a time.
 *
 * Nothing but this file is shared with `../llama_cpp`, which has its own packages: it imports nothing.
 */

/** A decode cell: so many sequences, each with so many tokens in its KV cache when the first step begins. */
export interface DecodeCell {
  batch: number;
  past: number;
}

export interface ServedRequest {
  ids: readonly number[];
  /** Output tokens to produce, whatever they are. */
  tokens: number;
}

/** An engine at the level of single steps. Sequences are those of `sequencesOf`, each empty at first. */
export interface Stepper {
  /** Runs tokens through an empty sequence, with the logits of the last one. */
  read(sequence: number, ids: readonly number[]): Promise<void>;
  /** Runs one token at `position` in each of the sequences [first, first + batch), with the logits of each. */
  decode(first: number, batch: number, position: number): Promise<void>;
  /** Drops what a sequence holds from `position` on. */
  truncate(sequence: number, position: number): void;
}

export interface BenchEngine {
  /** Absent where an engine can't be stepped. */
  steps?: Stepper;
  /**
   * Answers all requests greedily, at most `concurrency` of them at once. Sequences are empty before and after.
   * @returns the output tokens of each
   */
  serve(requests: readonly ServedRequest[], concurrency: number): Promise<number[][]>;
  close(): Promise<void>;
}

export type Ask =
  | { kind: "decode"; cell: DecodeCell; ms: number }
  | { kind: "prefill"; length: number; ms: number }
  | { kind: "serve"; requests: ServedRequest[]; concurrency: number };

/** How long it took, and the tokens that came out, of a prefill those that went in. */
export interface Answer {
  tokens: number;
  seconds: number;
  /** Of a workload. */
  outputs?: number[][];
}

/** Steps between two rewinds: llama.cpp attends in strides of 256 positions, which it must not pass into the next. */
const BURST = 40;
const WARM_UP = 3;

/** Where each decode cell's sequences begin, by its past, and how many sequences there are with one to spare. */
export function sequencesOf(cells: readonly DecodeCell[]): { first: Map<number, number>; count: number } {
  const first = new Map<number, number>();
  let count = 0;
  for (const past of new Set(cells.map((cell) => cell.past))) {
    first.set(past, count);
    count += Math.max(...cells.filter((cell) => cell.past === past).map((cell) => cell.batch));
  }
  return { first, count: count + 1 };
}

/** Context that the cells need in each sequence. */
export function contextOf(cells: readonly DecodeCell[], lengths: readonly number[]): number {
  return Math.max(...lengths, ...cells.map((cell) => cell.past + BURST + 1));
}

/** Distinct tokens for each sequence, none of them special. */
export function someIds(sequence: number, length: number): number[] {
  return Array.from({ length }, (_, i) => 1000 + (sequence * 131 + i * 7919) % 40_000);
}

/** Times an engine. */
export class Meter {
  readonly #engine: BenchEngine;
  readonly #first: ReadonlyMap<number, number>;
  /** Where prompts are read that are dropped at once. */
  readonly #scratch: number;
  readonly #now: () => number;
  /** Sequences that are filled for their decode cell. */
  readonly #filled = new Set<number>();

  /** @param now monotonic clock in ms */
  constructor(engine: BenchEngine, cells: readonly DecodeCell[], now = () => performance.now()) {
    const { first, count } = sequencesOf(cells);
    this.#engine = engine;
    this.#first = first;
    this.#scratch = count - 1;
    this.#now = now;
  }

  ask(ask: Ask): Promise<Answer> {
    if (ask.kind === "serve") return this.#serve(ask.requests, ask.concurrency);
    const { steps } = this.#engine;
    if (!steps) throw new TypeError(`Cannot measure ${ask.kind} as the engine must have steps: it has none`);
    return ask.kind === "decode"
      ? this.#decode(steps, ask.cell, ask.ms)
      : this.#prefill(steps, ask.length, ask.ms);
  }

  async #decode(steps: Stepper, { batch, past }: DecodeCell, ms: number): Promise<Answer> {
    const first = this.#first.get(past)!;
    const sequences = Array.from({ length: batch }, (_, i) => first + i);
    for (const sequence of sequences.filter((s) => !this.#filled.has(s))) {
      await steps.read(sequence, someIds(sequence, past));
      this.#filled.add(sequence);
    }
    /** Takes steps until there are `most` of them or the time is over, and goes back to where it began. */
    const burst = async (most: number, ms: number) => {
      const startedAt = this.#now();
      let taken = 0, spent = 0;
      while (taken < most && spent < ms) {
        await steps.decode(first, batch, past + taken++);
        spent = this.#now() - startedAt;
      }
      for (const sequence of sequences) steps.truncate(sequence, past);
      return { taken, spent };
    };
    await burst(WARM_UP, Infinity);
    let tokens = 0, total = 0;
    while (total < ms) {
      const { taken, spent } = await burst(BURST, ms - total);
      tokens += batch * taken;
      total += spent;
    }
    return { tokens, seconds: total / 1000 };
  }

  async #prefill(steps: Stepper, length: number, ms: number): Promise<Answer> {
    const ids = someIds(this.#scratch, length);
    const read = async () => {
      const startedAt = this.#now();
      await steps.read(this.#scratch, ids);
      const spent = this.#now() - startedAt;
      steps.truncate(this.#scratch, 0);
      return spent;
    };
    await read();
    let tokens = 0, total = 0;
    for (; total < ms; tokens += length) total += await read();
    return { tokens, seconds: total / 1000 };
  }

  async #serve(requests: readonly ServedRequest[], concurrency: number): Promise<Answer> {
    for (const sequence of this.#filled) this.#engine.steps?.truncate(sequence, 0);
    this.#filled.clear();
    const startedAt = this.#now();
    const outputs = await this.#engine.serve(requests, concurrency);
    return { tokens: outputs.flat().length, seconds: (this.#now() - startedAt) / 1000, outputs };
  }
}

/** Answers the questions of the process that started this one, until it closes the pipe. */
export async function answerQuestions(engine: BenchEngine, cells: readonly DecodeCell[]): Promise<void> {
  const meter = new Meter(engine, cells);
  try {
    console.log(JSON.stringify({ ready: true }));
    for await (const line of lines(Deno.stdin.readable)) {
      console.log(JSON.stringify(await meter.ask(JSON.parse(line))));
    }
  } finally {
    await engine.close();
  }
}

/** The lines of a pipe. */
export async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
