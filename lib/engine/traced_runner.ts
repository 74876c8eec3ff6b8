/** A runner that notes when each step began and ended, and which slots it served. */
import type { LogitRows, StepRow, StepRunner } from "./runner.ts";

/** One run of the model. Instants in monotonic ms. */
export interface TracedStep {
  kind: "prefill" | "decode";
  /** The slots that it served, ascending; a prefill serves one. */
  slots: number[];
  /** Positions that it ran: a chunk of the prompt, or one for each slot. */
  positions: number;
  /** First position of the chunk; null for a decode. */
  start: number | null;
  beganAt: number;
  endedAt: number;
}

export class TracedRunner implements StepRunner {
  readonly #runner: StepRunner;
  readonly #now: () => number;
  #steps: TracedStep[] = [];
  /** Where the runner can. */
  readonly copy?: StepRunner["copy"];

  /** @param now monotonic clock in ms */
  constructor(runner: StepRunner, now: () => number = () => performance.now()) {
    this.#runner = runner;
    this.#now = now;
    if (runner.copy) this.copy = (...region) => runner.copy!(...region);
  }

  /** Gives the steps since it was last asked, in order. */
  takeSteps(): TracedStep[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  get slots(): number {
    return this.#runner.slots;
  }
  get context(): number {
    return this.#runner.context;
  }
  get vocabSize(): number {
    return this.#runner.vocabSize;
  }
  get chunk(): number {
    return this.#runner.chunk;
  }
  get beginsAnywhere(): boolean | undefined {
    return this.#runner.beginsAnywhere;
  }

  prefill(slot: number, ids: readonly number[], start: number, rows: LogitRows): Promise<Float32Array> {
    const step = { kind: "prefill" as const, slots: [slot], positions: ids.length, start };
    return this.#trace(step, () => this.#runner.prefill(slot, ids, start, rows));
  }

  decode(rows: readonly StepRow[], held: (slot: number) => number): Promise<Float32Array> {
    const slots = rows.map((r) => r.slot);
    const step = { kind: "decode" as const, slots, positions: rows.length, start: null };
    return this.#trace(step, () => this.#runner.decode(rows, held));
  }

  close(): void {
    this.#runner.close();
  }

  async #trace<T>(step: Omit<TracedStep, "beganAt" | "endedAt">, run: () => Promise<T>): Promise<T> {
    const beganAt = this.#now();
    const result = await run();
    this.#steps.push({ ...step, beganAt, endedAt: this.#now() });
    return result;
  }
}
