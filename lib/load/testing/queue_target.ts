/** For tests alone: a queue before servers on a fake clock, first come, first served. */
import type { Generation } from "../../types/mod.ts";
import type { InferContext, LoadItem } from "../level.ts";
import type { FakeClock } from "./fake_clock.ts";

export interface QueueOptions {
  clock: FakeClock;
  /** Requests served at once (default 1). */
  servers?: number;
  /** How long each is served. */
  serviceMs: (item: LoadItem) => number;
  /** Output tokens of an answer, evenly over its service, the first at its end where it is one (default 1). */
  tokens?: number;
}

interface Waiting {
  item: LoadItem;
  enqueuedAt: number;
  signal: AbortSignal;
  resolve: (generation: Generation) => void;
}

export class QueueTarget {
  readonly #options: QueueOptions;
  readonly #queue: Waiting[] = [];
  #busy = 0;
  /** Most requests that were served at once. */
  mostBusy = 0;
  /** Ids of what was asked, in order. */
  readonly asked: string[] = [];

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  infer = (item: LoadItem, { signal }: InferContext): Promise<Generation> => {
    this.asked.push(item.id);
    return new Promise((resolve) => {
      this.#queue.push({ item, enqueuedAt: this.#options.clock.now(), signal, resolve });
      this.#serve();
    });
  };

  #serve(): void {
    const { clock, servers = 1, serviceMs, tokens = 1 } = this.#options;
    while (this.#busy < servers) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (next.signal.aborted) continue;
      this.mostBusy = Math.max(this.mostBusy, ++this.#busy);
      const admittedAt = clock.now(), ms = serviceMs(next.item);
      const leave = () => {
        this.#busy--;
        this.#serve();
      };
      const cancel = clock.setTimer(() => {
        next.signal.removeEventListener("abort", abort);
        const doneAt = clock.now();
        next.resolve({
          text: "an answer",
          tokenIds: [],
          finishReason: "length",
          promptTokens: 7,
          outputTokens: tokens,
          contentTokens: tokens,
          truncatedTokens: 0,
          enqueuedAt: next.enqueuedAt,
          admittedAt,
          firstTokenAt: admittedAt + ms / tokens,
          lastTokenAt: doneAt,
          doneAt,
        });
        leave();
      }, ms);
      const abort = () => {
        cancel();
        leave();
      };
      next.signal.addEventListener("abort", abort, { once: true });
    }
  }
}
