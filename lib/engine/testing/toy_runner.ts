/**
 * A model with known logits for tests: it keeps the token ids of each slot as its KV cache, and the likeliest
 * next token is a function of exactly those ids, so that a wrong slot, position or overwritten KV changes the
 * output. It moves a fake clock and logs its runs.
 */
import type { LogitRows, StepRow, StepRunner } from "../runner.ts";

export interface ToyOptions {
  slots?: number;
  context?: number;
  vocabSize?: number;
  chunk?: number;
  /** Whether decodes run from their lowest slot (default: from slot 0). */
  beginsAnywhere?: boolean;
  /** Whether KV can be copied between slots (default true). */
  copies?: boolean;
  /** Costs in fake ms (default 1 a position of a prompt, 10 a decode). */
  positionMs?: number;
  decodeMs?: number;
  /** The likeliest token after these ids. */
  next?: (ids: readonly number[]) => number;
  /** Called within each run. */
  onRun?: (run: string) => void | Promise<void>;
}

/** The toy's default rule: a hash of the ids. */
export function hashNext(ids: readonly number[], vocabSize: number): number {
  let hash = 17;
  for (const id of ids) hash = (Math.imul(hash, 31) + id + 1) >>> 0;
  return hash % vocabSize;
}

export class ToyRunner implements StepRunner {
  readonly slots: number;
  readonly context: number;
  readonly vocabSize: number;
  readonly chunk: number;
  readonly beginsAnywhere: boolean;
  readonly copy?: StepRunner["copy"];
  /** Each run as a line: `prefill 0 [0,4) last`, `decode 0@4 2@7`, `copy 0>1 [0,8)`. */
  readonly log: string[] = [];
  /** Fake monotonic ms. */
  at = 0;
  closed = false;
  #kv: number[][];
  #next: (ids: readonly number[]) => number;
  #onRun: NonNullable<ToyOptions["onRun"]>;
  #busy = false;
  readonly #positionMs: number;
  readonly #decodeMs: number;

  constructor(options: ToyOptions = {}) {
    this.slots = options.slots ?? 4;
    this.context = options.context ?? 64;
    this.vocabSize = options.vocabSize ?? 32;
    this.chunk = options.chunk ?? 8;
    this.beginsAnywhere = options.beginsAnywhere ?? false;
    this.#positionMs = options.positionMs ?? 1;
    this.#decodeMs = options.decodeMs ?? 10;
    if (options.copies ?? true) {
      this.copy = (from, to, start, end) => {
        if (this.#busy) throw new Error("copy within a run");
        this.log.push(`copy ${from}>${to} [${start},${end})`);
        for (let at = start; at < end; at++) this.#write(to, at, this.#kv[from][at]);
      };
    }
    this.#kv = Array.from({ length: this.slots }, () => []);
    this.#next = options.next ?? ((ids) => hashNext(ids, this.vocabSize));
    this.#onRun = options.onRun ?? (() => {});
  }

  prefill(slot: number, ids: readonly number[], start: number, rows: LogitRows): Promise<Float32Array> {
    return this.#exclusive(
      `prefill ${slot} [${start},${start + ids.length}) ${rows}`,
      this.#positionMs * ids.length,
      () => {
        if (ids.length > this.chunk + 1) throw new Error(`chunk of ${ids.length}`);
        ids.forEach((id, i) => this.#write(slot, start + i, id));
        const [from, to] = rows === "none" ? [0, 0] : rows === "last" ? [ids.length - 1, ids.length] : rows;
        return this.#logits(Array.from({ length: to - from }, (_, i) => [slot, start + from + i]));
      },
    );
  }

  decode(rows: readonly StepRow[], held: (slot: number) => number): Promise<Float32Array> {
    const name = `decode ${rows.map((r) => `${r.slot}@${r.position}`).join(" ")}`;
    const active = rows.map((r) => ({ ...r }));
    return this.#exclusive(name, this.#decodeMs, () => {
      for (let slot = this.beginsAnywhere ? active[0].slot : 0; slot < active.at(-1)!.slot; slot++) {
        if (!active.some((r) => r.slot === slot)) this.#write(slot, held(slot), -1);
      }
      for (const { slot, position, tokenId } of active) this.#write(slot, position, tokenId);
      return this.#logits(active.map((r) => [r.slot, r.position]));
    });
  }

  close(): void {
    if (this.closed) throw new Error("closed twice");
    this.closed = true;
  }

  async #exclusive(run: string, cost: number, compute: () => Float32Array): Promise<Float32Array> {
    if (this.#busy || this.closed) throw new Error(this.closed ? "run after close" : "runs overlap");
    this.#busy = true;
    this.log.push(run);
    this.at += cost;
    try {
      await this.#onRun(run);
      return compute();
    } finally {
      this.#busy = false;
    }
  }

  #write(slot: number, position: number, id: number): void {
    if (position >= this.context) throw new Error(`position ${position} outside of the slot`);
    this.#kv[slot][position] = id;
  }

  /** The favourite gets 8, the others below 1 by their id. */
  #logits(cells: [slot: number, position: number][]): Float32Array {
    const out = new Float32Array(cells.length * this.vocabSize);
    cells.forEach(([slot, position], row) => {
      for (let v = 0; v < this.vocabSize; v++) out[row * this.vocabSize + v] = v / this.vocabSize;
      out[row * this.vocabSize + this.#next(this.#kv[slot].slice(0, position + 1))] = 8;
    });
    return out;
  }
}
