/**
 * Continuous batching: jobs wait in a queue for one of a fixed number of slots, prompts are run in chunks
 * between decode steps, all decoding jobs share one run, and a finished one leaves at once.
 *
 * A job is a generator: it yields the step it needs next and is handed that step's logits. One that answers a
 * 300-token prompt with chunks of 128 yields prefill [0, 128), [128, 256), [256, 300), then decode at 300, 301, ...
 */
import { messageOf } from "../std/errors.ts";
import { PrefixCache } from "./prefix_cache.ts";
import type { LogitRows, StepRow, StepRunner } from "./runner.ts";

export interface PrefillStep {
  kind: "prefill";
  ids: readonly number[];
  /** Position of the first id; the KV before it is kept. */
  start: number;
  rows: LogitRows;
  /** Set where the KV of these positions was there already, and nothing was run. */
  cached?: true;
}
export interface DecodeStep {
  kind: "decode";
  tokenId: number;
  position: number;
}
export type Step = PrefillStep | DecodeStep;

/** What occupies a slot, begun when it gets one. Logits (float32 [rows, vocab]) last until the next yield. */
export type Job<T> = Generator<Step, T, Float32Array>;

/**
 * Bounds of the chunks that positions [from, to) are run in. They lie at multiples of `size`, so they don't
 * depend on what else is running; one position left alone joins the chunk before it, as a run of one rounds
 * differently.
 */
export function* chunkBounds(
  from: number,
  to: number,
  size: number,
): Generator<[start: number, end: number]> {
  for (let start = from, end; start < to; start = end) {
    end = Math.min(to, start - start % size + size);
    if (to - end === 1) end = to;
    yield [start, end];
  }
}

interface Seat {
  job: Job<unknown>;
  prompt: readonly number[];
  slot: number;
  step: Step;
  aborted: boolean;
  settle(outcome: { value?: unknown } | { error: unknown }): void;
}

const NO_LOGITS = new Float32Array(0);

export class Batcher {
  readonly #runner: StepRunner;
  /** By slot. */
  readonly #seats: (Seat | null)[];
  /** In order of admission. */
  #running: Seat[] = [];
  #queue: Seat[] = [];
  #loop: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  readonly #rows: StepRow[] = [];
  readonly #rowPool: StepRow[];
  #cache: PrefixCache | null = null;

  constructor(runner: StepRunner) {
    this.#runner = runner;
    this.#seats = Array(runner.slots).fill(null);
    this.#rowPool = this.#seats.map((_, slot) => ({ slot, tokenId: 0, position: 0 }));
  }

  /** Jobs without a slot. */
  get queued(): number {
    return this.#queue.length;
  }
  /** Jobs in a slot. */
  get running(): number {
    return this.#running.length;
  }

  /** Whether chunks of a prompt whose KV is in a slot are taken from there; turning it off forgets them. */
  get prefixCache(): boolean {
    return this.#cache !== null;
  }
  set prefixCache(on: boolean) {
    const { slots, chunk, context } = this.#runner;
    if (on !== this.prefixCache) this.#cache = on ? new PrefixCache(slots, chunk, context) : null;
  }

  /**
   * Runs a job to its end.
   * @param prompt what its steps will begin with, for the choice of a slot
   * @returns what the job returns, or undefined where the signal came first.
   * @throws what the job throws, or an error where a run that it took part in failed.
   */
  run<T>(job: Job<T>, signal?: AbortSignal, prompt: readonly number[] = []): Promise<T | undefined> {
    if (this.#closing) throw new Error("Cannot run a job as the engine must be open: it is closed");
    if (signal?.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        seat.aborted = true;
        const at = this.#queue.indexOf(seat);
        if (at < 0) return; // a running one leaves between two steps
        this.#queue.splice(at, 1);
        seat.settle({});
      };
      const seat: Seat = {
        job,
        prompt,
        slot: -1,
        step: { kind: "decode", tokenId: 0, position: 0 },
        aborted: false,
        settle(outcome) {
          signal?.removeEventListener("abort", onAbort);
          if ("error" in outcome) reject(outcome.error);
          else resolve(outcome.value as T);
        },
      };
      signal?.addEventListener("abort", onAbort);
      this.#queue.push(seat);
      this.#loop ??= this.#work();
    });
  }

  /** Takes no more jobs, ends those that it has, and closes the runner. */
  close(): Promise<void> {
    return this.#closing ??= (async () => {
      await this.#loop;
      this.#runner.close();
    })();
  }

  async #work(): Promise<void> {
    await null; // lets jobs of the same turn come in together
    for (;;) {
      for (const seat of this.#running.filter((s) => s.aborted)) this.#leave(seat, {});
      this.#admit();
      if (this.#running.length === 0) break;
      await this.#decode();
      await this.#prefill();
    }
    this.#loop = null;
  }

  /** Gives free slots to the queue's head. */
  #admit(): void {
    while (this.#queue.length > 0) {
      const slot = this.#chooseSlot(this.#queue[0].prompt);
      if (slot < 0) return;
      const seat = this.#queue.shift()!;
      seat.slot = slot;
      this.#seats[slot] = seat;
      this.#running.push(seat);
      this.#cache?.touch(slot);
      this.#advance(seat);
    }
  }

  /**
   * The free slot that widens the range of a decode least; of equal ones the one that suits the prompt, else the
   * lowest. A widened range costs each step a row; KV in another slot can be copied.
   * @returns -1 where none is free
   */
  #chooseSlot(prompt: readonly number[]): number {
    let lowest = this.#runner.beginsAnywhere ? Infinity : 0, highest = -1;
    for (const { slot } of this.#running) {
      lowest = Math.min(lowest, slot);
      highest = Math.max(highest, slot);
    }
    let best = -1, bestRank: readonly number[] = [];
    for (let slot = 0; slot < this.#seats.length; slot++) {
      if (this.#seats[slot] !== null) continue;
      const wider = lowest === Infinity ? 0 : Math.max(lowest - slot, slot - highest, 0);
      const rank = [wider, ...this.#cache?.rank(slot, prompt) ?? []];
      const at = rank.findIndex((value, i) => value !== bestRank[i]);
      if (best < 0 || at >= 0 && rank[at] < bestRank[at]) [best, bestRank] = [slot, rank];
    }
    return best;
  }

  /** Runs one token of every decoding job. */
  async #decode(): Promise<void> {
    const rows = this.#rows;
    rows.length = 0;
    for (const seat of this.#seats) {
      if (seat?.step.kind !== "decode") continue;
      const row = this.#rowPool[seat.slot];
      row.tokenId = seat.step.tokenId;
      row.position = seat.step.position;
      rows.push(row);
    }
    if (rows.length === 0) return;
    let logits: Float32Array;
    try {
      logits = await this.#runner.decode(rows, this.#held);
    } catch (thrown) {
      for (const { slot } of rows) this.#fail(this.#seats[slot]!, thrown);
      return;
    }
    const { vocabSize } = this.#runner;
    for (let i = 0; i < rows.length; i++) {
      this.#advance(this.#seats[rows[i].slot]!, logits.subarray(i * vocabSize, (i + 1) * vocabSize));
    }
  }

  /** Runs chunks of prompts, the first come first, up to one chunk's worth of positions. */
  async #prefill(): Promise<void> {
    let budget = this.#runner.chunk;
    for (const seat of [...this.#running]) {
      while (seat.step.kind === "prefill" && this.#seats[seat.slot] === seat && !seat.aborted) {
        const { ids, start, rows } = seat.step;
        if (this.#reuse(seat.slot, seat.step)) {
          this.#advance(seat, NO_LOGITS);
          continue;
        }
        if (ids.length > budget && budget < this.#runner.chunk) return;
        budget -= ids.length;
        this.#cache?.overwrite(seat.slot, start);
        try {
          const logits = await this.#runner.prefill(seat.slot, ids, start, rows);
          this.#cache?.wrote(seat.slot, ids, start);
          this.#advance(seat, logits);
        } catch (thrown) {
          this.#fail(seat, thrown);
        }
      }
    }
  }

  /** Whether a chunk's KV is in its slot already, or can be copied there from another one. */
  #reuse(slot: number, step: PrefillStep): boolean {
    const { ids, start, rows } = step;
    const from = rows === "none" ? this.#cache?.find(slot, ids, start) ?? null : null;
    if (from === null) return false;
    if (from !== slot) {
      if (!this.#runner.copy) return false;
      this.#cache!.overwrite(slot, start);
      this.#runner.copy(from, slot, start, start + ids.length);
      this.#cache!.wrote(slot, ids, start);
      this.#cache!.touch(from);
    }
    return step.cached = true;
  }

  readonly #held = (slot: number): number => {
    const step = this.#seats[slot]?.step;
    if (step?.kind === "decode") return step.position;
    return Math.max(step?.start ?? 0, this.#cache?.held(slot) ?? 0);
  };

  /** Hands logits to a job; it says what it needs next, or is done. */
  #advance(seat: Seat, logits?: Float32Array): void {
    try {
      const { done, value } = seat.job.next(logits!);
      if (done) this.#leave(seat, { value });
      else seat.step = value;
    } catch (error) {
      this.#leave(seat, { error });
    }
  }

  #fail(seat: Seat, thrown: unknown): void {
    const message = `Cannot go on with a request as each of its steps must run: ${messageOf(thrown)}`;
    this.#leave(seat, { error: new Error(message, { cause: thrown }) });
  }

  #leave(seat: Seat, outcome: { value?: unknown } | { error: unknown }): void {
    this.#seats[seat.slot] = null;
    this.#cache?.touch(seat.slot);
    this.#running.splice(this.#running.indexOf(seat), 1);
    seat.job.return(undefined);
    seat.settle(outcome);
  }
}
