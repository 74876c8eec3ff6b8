/**
 * Closed-loop load: a fixed number of clients, each sending its next request as its last one is done.
 *
 * ```ts
 * const load = new ClosedLoopLoadGenerator({ infer, maxConcurrency: 8, numRequests: 100, data: val });
 * const records = await load.run();
 * await load.saveMetrics("requests_concurrency_8.jsonl");
 * ```
 *
 * Latencies of a closed loop hide queueing: a slow target is asked less often (coordinated omission).
 */
import { BadInput } from "../std/errors.ts";
import type { Example } from "../types/mod.ts";
import { LoadGenerator } from "./generator.ts";
import type { Level, LevelOptions, LoadItem } from "./level.ts";

export interface ClosedLoopOptions<T extends LoadItem = Example> extends LevelOptions<T> {
  numRequests: number;
  /** Requests in flight at every instant while work lasts, less the clients that think. */
  maxConcurrency: number;
  /** How long a client waits after an answer before its next request is due (default 0). */
  thinkTimeMs?: number;
}

export class ClosedLoopLoadGenerator<T extends LoadItem = Example> extends LoadGenerator<T> {
  readonly #concurrency: number;
  readonly #thinkTimeMs: number;

  /** @throws {BadInput} where the concurrency is not a whole number of at least 1, or the think time is negative. */
  constructor(options: ClosedLoopOptions<T>) {
    const { maxConcurrency, thinkTimeMs = 0 } = options;
    if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1) {
      throw new BadInput(
        `Cannot run a load test as its concurrency must be a whole number of at least 1: it is ${maxConcurrency}`,
      );
    }
    if (!(thinkTimeMs >= 0)) {
      throw new BadInput(
        `Cannot run a load test as its think time must be a number of at least 0 ms: it is ${thinkTimeMs}`,
      );
    }
    const load = {
      pattern: "closed_loop",
      concurrency: maxConcurrency,
      ...(thinkTimeMs > 0 && { think_time_ms: thinkTimeMs }),
    };
    super({ ...options, level: options.level ?? `c${maxConcurrency}` }, load, maxConcurrency);
    this.#concurrency = maxConcurrency;
    this.#thinkTimeMs = thinkTimeMs;
  }

  protected override async send(level: Level<T>, pending: readonly number[]): Promise<void> {
    let next = 0;
    const client = async () => {
      for (let dueAt = level.now();;) {
        await level.sleepUntil(dueAt);
        if (level.ended || next === pending.length) return;
        try {
          await level.send(pending[next++], dueAt);
        } catch (thrown) {
          level.stop();
          throw thrown;
        }
        dueAt = level.now() + this.#thinkTimeMs;
      }
    };
    const clients = await Promise.allSettled(Array.from({ length: this.#concurrency }, client));
    const failed = clients.find((c) => c.status === "rejected");
    if (failed) throw failed.reason;
  }
}
