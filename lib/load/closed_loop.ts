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
import { writeJsonl } from "../std/files.ts";
import { type RequestRecord, toRecord } from "../types/mod.ts";
import { Level, type LevelOptions, type LevelSummary } from "./level.ts";

export interface ClosedLoopOptions extends LevelOptions {
  /** Requests in flight at every instant while work lasts. */
  maxConcurrency: number;
}

export class ClosedLoopLoadGenerator {
  readonly #options: ClosedLoopOptions & { level: string };
  #records: RequestRecord[] = [];
  #summary: LevelSummary | null = null;

  /** @throws {BadInput} where the concurrency is not a whole number of at least 1. */
  constructor(options: ClosedLoopOptions) {
    const { maxConcurrency } = options;
    if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1) {
      throw new BadInput(
        `Cannot run a load test as its concurrency must be a whole number of at least 1: it is ${maxConcurrency}`,
      );
    }
    this.#options = { ...options, level: options.level ?? `c${maxConcurrency}` };
  }

  /**
   * Sends all requests.
   * @returns one record a request, in the order of sending; failures are records with an error
   * @throws {BadInput} where the level cannot begin or be resumed; the signal's reason where it was stopped; an
   * `Error` where a record could not be kept. What is on disk by then stays, for `resume`.
   */
  async run(): Promise<RequestRecord[]> {
    const { maxConcurrency, signal } = this.#options;
    const level = await Level.open(this.#options, { pattern: "closed_loop", concurrency: maxConcurrency });
    try {
      const pending = level.pending();
      if (pending.length > 0) await level.start(maxConcurrency);
      let next = 0;
      const client = async () => {
        while (next < pending.length && !level.stopped) {
          try {
            await level.send(pending[next++], level.now());
          } catch (thrown) {
            level.stop();
            throw thrown;
          }
        }
      };
      const clients = await Promise.allSettled(Array.from({ length: maxConcurrency }, client));
      const failed = clients.find((c) => c.status === "rejected");
      if (failed) throw failed.reason;
      if (level.stopped && level.pending().length > 0) signal?.throwIfAborted();
    } finally {
      level.close();
      this.#records = level.records();
      this.#summary = level.summary();
    }
    return this.#records;
  }

  /** Duration, warm-up and resumptions of the level, once it has run. */
  get summary(): LevelSummary {
    if (this.#summary === null) {
      throw new Error("Cannot sum up a level as it must have run: call run() first");
    }
    return this.#summary;
  }

  /** Writes the records as JSONL, in the order of sending. */
  saveMetrics(path: string): Promise<void> {
    return writeJsonl(path, this.#records.map(toRecord));
  }
}
