/** For tests alone: a clock that stands still until all that can run has run, then jumps to the next timer. */
import { setImmediate } from "node:timers";

interface Timer {
  at: number;
  callback: () => void;
}

export class FakeClock {
  #at: number;
  /** Ascending; of equal instants the earlier set first. */
  readonly #timers: Timer[] = [];
  /** How much later than due timers fire, as real ones do. */
  readonly #lateMs: () => number;

  constructor(at = 0, lateMs: () => number = () => 0) {
    this.#at = at;
    this.#lateMs = lateMs;
  }

  now = (): number => this.#at;

  setTimer = (callback: () => void, ms: number): () => void => {
    const timer = { at: this.#at + Math.max(0, ms) + this.#lateMs(), callback };
    let i = this.#timers.length;
    while (i > 0 && this.#timers[i - 1].at > timer.at) i--;
    this.#timers.splice(i, 0, timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  };

  /** Moves the clock, as work that blocks the event loop does. */
  advance(ms: number): void {
    this.#at += ms;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.setTimer(resolve, ms));
  }

  /**
   * Lets time pass until the work is done.
   * @throws {Error} where the work waits for something that no timer brings.
   */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false, idle = 0;
    work.then(() => done = true, () => done = true);
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (done) return await work;
      const next = this.#timers.shift();
      if (next === undefined) { // files are read and written in real time
        if (++idle > 10_000) throw new Error("nothing is left that could end the wait");
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      idle = 0;
      this.#at = Math.max(this.#at, next.at);
      next.callback();
    }
  }
}
