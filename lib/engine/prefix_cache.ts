/**
 * What the KV slots hold, so that a prompt that begins like an earlier one need not be run from its beginning.
 *
 * Only whole chunks count that a prompt was run in, from position 0 on. A cold run of any prompt with the same
 * beginning runs these very chunks, so that taking their KV changes no bit; answers, which are run token by token,
 * and a prompt's last chunk are never taken.
 */

interface Held {
  /** Token ids at positions [0, ids.length): whole chunks. */
  ids: number[];
  /** Larger is later; 0 is never. */
  usedAt: number;
}

export class PrefixCache {
  readonly #slots: Held[];
  readonly #chunk: number;
  readonly #context: number;
  #clock = 0;

  /** @param chunk,context positions */
  constructor(slots: number, chunk: number, context: number) {
    this.#slots = Array.from({ length: slots }, () => ({ ids: [], usedAt: 0 }));
    this.#chunk = chunk;
    this.#context = context;
  }

  /** Positions of a slot whose KV is to survive: below `context`. */
  held(slot: number): number {
    return this.#slots[slot]?.ids.length ?? 0;
  }

  /**
   * How well a free slot suits a prompt, less being better: one whose KV the prompt goes on from, keeping half of it
   * at least, the longest first; then the one that was used the longest ago.
   */
  rank(slot: number, prompt: readonly number[]): [kept: number, usedAt: number] {
    const { ids, usedAt } = this.#slots[slot];
    const common = this.#common(ids, prompt);
    return [2 * common >= ids.length ? -common : 0, usedAt];
  }

  /** Notes that a slot is in use. */
  touch(slot: number): void {
    this.#slots[slot].usedAt = ++this.#clock;
  }

  /**
   * Finds a slot with the KV of a chunk, the wanted one first, where that holds what precedes the chunk.
   * @returns the slot, or null where there is none
   */
  find(slot: number, chunk: readonly number[], start: number): number | null {
    const own = this.#slots[slot].ids;
    if (chunk.length !== this.#chunk || own.length < start) return null;
    const holds = ({ ids }: Held) =>
      ids.length >= start + chunk.length && chunk.every((id, i) => ids[start + i] === id);
    if (holds(this.#slots[slot])) return slot;
    const other = this.#slots.findIndex((held) =>
      holds(held) && own.every((id, i) => i >= start || held.ids[i] === id)
    );
    return other < 0 ? null : other;
  }

  /** Notes that what a slot holds at a position and behind it is overwritten. */
  overwrite(slot: number, start: number): void {
    const { ids } = this.#slots[slot];
    if (ids.length > start) ids.length = start - start % this.#chunk;
  }

  /** Notes that a slot holds the KV of these positions now. */
  wrote(slot: number, chunk: readonly number[], start: number): void {
    const { ids } = this.#slots[slot];
    const isNext = ids.length === start && chunk.length === this.#chunk;
    // The context's last chunk is the last one of any prompt that has it.
    if (isNext && start + chunk.length < this.#context) ids.push(...chunk);
  }

  /** Positions, in whole chunks, at which both begin alike. */
  #common(ids: readonly number[], prompt: readonly number[]): number {
    let at = 0;
    while (at < ids.length && ids[at] === prompt[at]) at++;
    return at - at % this.#chunk;
  }
}
