/** What closed and open loops share: a level is opened, sent by the pattern, and kept. */
import { writeJsonl } from "../std/files.ts";
import { type RequestRecord, toRecord } from "../types/mod.ts";
import { Level, type LevelSummary, type LoadItem, type LoadSettings, type PatternOptions } from "./level.ts";

export abstract class LoadGenerator<T extends LoadItem> {
  readonly #options: PatternOptions<T>;
  readonly #load: LoadSettings;
  readonly #warmupConcurrency: number;
  #records: RequestRecord[] = [];
  #summary: LevelSummary | null = null;

  /** @param load the pattern and its parameters */
  protected constructor(options: PatternOptions<T>, load: LoadSettings, warmupConcurrency: number) {
    this.#options = options;
    this.#load = load;
    this.#warmupConcurrency = warmupConcurrency;
  }

  /** Sends requests by their sequence numbers until all are done or the level ends. */
  protected abstract send(level: Level<T>, pending: readonly number[]): Promise<void>;

  /**
   * Sends all requests.
   * @returns one record a request, in the order of sending; failures are records with an error
   * @throws {BadInput} where the level cannot begin or be resumed; the signal's reason where it was stopped; an
   * `Error` where a record could not be kept. What is on disk by then stays, for `resume`.
   */
  async run(): Promise<RequestRecord[]> {
    const level = await Level.open(this.#options, this.#load);
    try {
      const pending = level.pending();
      if (pending.length > 0) {
        await level.start(this.#warmupConcurrency);
        await this.send(level, pending);
      }
      if (level.stopped && level.pending().length > 0) this.#options.signal?.throwIfAborted();
    } finally {
      level.close();
      this.#records = level.records();
      this.#summary = level.summary();
    }
    return this.#records;
  }

  /** Pattern, duration, warm-up and resumptions of the level, once it has run. */
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
