/** What the batcher needs of a model: one chunk of a prompt in one slot, or one token in many slots. */

/** Which positions of a chunk get logits: none, the last one, or [from, to) within the chunk. */
export type LogitRows = "none" | "last" | readonly [from: number, to: number];

export interface StepRow {
  slot: number;
  tokenId: number;
  /** Tokens already in the slot's KV cache: the position of this token. */
  position: number;
}

/** The one contract between scheduling and execution. Calls never overlap. */
export interface StepRunner {
  readonly slots: number;
  /** KV positions of a slot. */
  readonly context: number;
  readonly vocabSize: number;
  /** Positions of a prompt that one run takes; it can take one more, so that no run has a single one left. */
  readonly chunk: number;
  /** Whether a decode runs from the lowest to the highest of its slots; else it runs from slot 0 on. */
  readonly beginsAnywhere?: boolean;
  /**
   * Runs positions [start, start + ids.length) of one slot.
   * @returns float32 [rows, vocab], valid until the next call.
   */
  prefill(slot: number, ids: readonly number[], start: number, rows: LogitRows): Promise<Float32Array>;
  /**
   * Runs one token in each of some slots, all in one run.
   * @param rows sorted by slot
   * @param held how many KV positions of a slot that is not in `rows` must survive, below `context`: the run may
   *   overwrite the one after them
   * @returns float32 [rows.length, vocab] in the order of `rows`, valid until the next call.
   */
  decode(rows: readonly StepRow[], held: (slot: number) => number): Promise<Float32Array>;
  /** Copies the KV of positions [start, end) from one slot to another, where the runner can. */
  copy?(from: number, to: number, start: number, end: number): void;
  close(): void;
}
