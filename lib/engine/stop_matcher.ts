/** Finds stop strings in text that arrives in pieces, holding back what may be the beginning of one. */
export class StopMatcher {
  #held = "";
  #stops: readonly string[];
  /** Whether a stop string has come. */
  stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes a piece; gives the text that is now known to stand before any stop string. */
  push(piece: string): string {
    if (this.#stops.length === 0) return piece;
    const text = this.#held + piece;
    const found = this.#stops.map((s) => text.indexOf(s)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.stopped = true;
      this.#held = "";
      return text.slice(0, Math.min(...found));
    }
    const kept = text.length - Math.max(...this.#stops.map((s) => overlap(text, s)));
    this.#held = text.slice(kept);
    return text.slice(0, kept);
  }

  /** Gives what was held back, at the end. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}

/** Length of the longest end of `text` that begins `stop` without being all of it. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) {
    if (text.endsWith(stop.slice(0, n))) return n;
  }
  return 0;
}
