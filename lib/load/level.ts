/**
 * One level of load: which examples are sent in which order, the clock, the log, and how one request becomes
 * one record. When a request is sent is left to the load pattern (`closed_loop.ts`).
 *
 * The level's clock stands still while no process runs it: a resumed level goes on at the instant at which the
 * last kept request was done, so that the gap is in no duration.
 */
import { BadInput } from "../std/errors.ts";
import { exists, readJson, sha256, writeJson } from "../std/files.ts";
import { Progress } from "../std/progress.ts";
import { requireSameSettings } from "../std/settings.ts";
import { createRandom, shuffle } from "../math/mod.ts";
import type { Example, Generation, RequestRecord } from "../types/mod.ts";
import { answeredRecord, failedRecord, type Sent } from "./request_record.ts";
import { RequestLog } from "./request_log.ts";

/** Sends one example to a target; a rejection becomes the record's error. */
export type Infer = (
  example: Example,
  context: { signal: AbortSignal; requestId: string },
) => Promise<Generation>;

/** What every load pattern takes. */
export interface LevelOptions {
  infer: Infer;
  /** What is sent, in a seeded order; shuffled anew each time all of it has been sent. */
  data: readonly Example[];
  numRequests: number;
  /** Orders the examples (default 0). */
  seed?: number;
  /** Requests sent before the clock starts, without a record (default 0). */
  warmup?: number;
  /** Begins the request ids: `<level>-<sequence>`. */
  level?: string;
  /** A request that takes longer is aborted and recorded as a `timeout` (default: none). */
  timeoutMs?: number;
  /** Where each record is appended as it ends; its state stands beside it in `<name>.level.json`. */
  requestsPath?: string;
  /** Goes on with the requests that `requestsPath` lacks. */
  resume?: boolean;
  /** Further settings that must be equal for a level to be resumed: flags, model and data hashes. */
  fingerprint?: Record<string, unknown>;
  /** Stops the level: nothing more is sent, requests in flight are aborted and leave no record. */
  signal?: AbortSignal;
  /** Called after each request (default: a bar on a terminal, a line every 100 requests elsewhere). */
  onProgress?: (done: number, total: number) => void;
  /** Monotonic clock in ms, the one of the target's stamps (default `performance.now`). */
  now?: () => number;
}

/** How a level ran, beside its records: what `MetricsCalculator` takes. */
export interface LevelSummary {
  /** From the first request's sending to the last one's end, without the gaps between segments. */
  durationMs: number;
  warmupRequests: number;
  resumed: boolean;
  /** One for each process that worked on the level. */
  segments: Segment[];
}

export interface Segment {
  /** On the level's clock. */
  fromMs: number;
  /** Wall clock, ISO. */
  startedAt: string;
}

/** `<name>.level.json`, beside the log. */
interface State {
  fingerprint: Record<string, unknown>;
  segments: { from_ms: number; started_at: string }[];
}

type NamedOptions = LevelOptions & { level: string };

export class Level {
  readonly #options: NamedOptions;
  readonly #now: () => number;
  readonly #order: Uint32Array;
  readonly #log: RequestLog | null;
  readonly #records = new Map<number, RequestRecord>();
  readonly #segments: Segment[];
  readonly #inFlight = new Set<AbortController>();
  readonly #onProgress: (done: number, total: number) => void;
  #progress: Progress | null = null;
  #stopped = false;
  #origin = 0;

  private constructor(
    options: NamedOptions,
    log: RequestLog | null,
    kept: RequestRecord[],
    segments: Segment[],
  ) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#order = seededOrder(
      options.data.length,
      options.numRequests + (options.warmup ?? 0),
      options.seed ?? 0,
    );
    this.#log = log;
    this.#segments = segments;
    for (const record of kept) this.#records.set(sequenceOf(record.requestId), record);
    if (options.onProgress) this.#onProgress = options.onProgress;
    else {
      const total = options.numRequests - this.#records.size, before = this.#records.size;
      this.#onProgress = (done) => {
        this.#progress ??= new Progress({ label: "requests", total, every: 100, now: this.#now });
        this.#progress.update(done - before);
      };
    }
  }

  /**
   * Opens a level, taking up what its log holds when resuming.
   * @param settings what the load pattern adds to the fingerprint
   * @throws {BadInput} for options out of range, or a log that other settings began.
   */
  static async open(options: NamedOptions, settings: Record<string, unknown>): Promise<Level> {
    const { data, numRequests, warmup = 0, seed = 0, requestsPath, resume = false } = options;
    if (data.length === 0) {
      throw new BadInput("Cannot run a load test as the data must hold an example: it is empty");
    }
    for (const [name, value, min] of [["numRequests", numRequests, 1], ["warmup", warmup, 0]] as const) {
      if (!Number.isInteger(value) || value < min) {
        throw new BadInput(
          `Cannot run a load test as ${name} must be a whole number of at least ${min}: it is ${value}`,
        );
      }
    }
    if (requestsPath === undefined) return new Level(options, null, [], [newSegment(0)]);

    const fingerprint = {
      ...settings,
      level: options.level,
      num_requests: numRequests,
      warmup,
      seed,
      timeout_ms: options.timeoutMs ?? null,
      examples: sha256(data.map((e) => e.id).join("\n")),
      ...options.fingerprint,
    };
    const statePath = requestsPath.replace(/(\.jsonl)?$/, ".level.json");
    const earlier = resume && await exists(statePath) ? await readJson<State>(statePath) : null;
    if (earlier) requireSameSettings(requestsPath, earlier.fingerprint, fingerprint);
    const { log, records } = await RequestLog.open(requestsPath, earlier !== null);
    const fromMs = records.reduce((latest, r) => Math.max(latest, r.doneAt), 0);
    const segments = records.length && earlier
      ? earlier.segments.map((s): Segment => ({ fromMs: s.from_ms, startedAt: s.started_at }))
      : [];
    if (records.length < numRequests) {
      segments.push(newSegment(fromMs));
      await writeJson(
        statePath,
        {
          fingerprint,
          segments: segments.map((s) => ({ from_ms: s.fromMs, started_at: s.startedAt })),
        } satisfies State,
      );
    }
    return new Level(options, log, records, segments);
  }

  /** Sequence numbers without a record, in order. */
  pending(): number[] {
    const all = Array.from({ length: this.#options.numRequests }, (_, i) => i);
    return all.filter((sequence) => !this.#records.has(sequence));
  }

  /** Sends the warm-up requests, `concurrency` at a time, then starts the clock. */
  async start(concurrency: number): Promise<void> {
    const { warmup = 0, numRequests, signal } = this.#options;
    signal?.addEventListener("abort", () => this.stop(), { once: true });
    if (signal?.aborted) this.stop();
    let next = 0;
    const worker = async () => {
      while (next < warmup && !this.#stopped) {
        const n = next++;
        await this.#infer(this.#example(numRequests + n), `${this.#options.level}-warmup-${n}`)
          .catch(() => {}); // A target that fails here fails in the level too, on record.
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    this.#origin = this.#now() - this.#segments.at(-1)!.fromMs;
  }

  /** Ms since the level began. */
  now(): number {
    return this.#now() - this.#origin;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Sends nothing more; aborts what is in flight. */
  stop(): void {
    this.#stopped = true;
    for (const controller of this.#inFlight) controller.abort(this.#options.signal?.reason);
  }

  /**
   * Sends one request and keeps its record; resolves when it is done, whatever came of it.
   * @param scheduledAt when the pattern meant to send it, on the level's clock
   * @throws {Error} where the record cannot be kept (a full disk).
   */
  async send(sequence: number, scheduledAt: number): Promise<void> {
    const requestId = `${this.#options.level}-${sequence}`;
    const example = this.#example(sequence);
    const dispatchedAt = this.now();
    const outcome = await this.#infer(example, requestId).then(
      (generation) => ({ generation }),
      (thrown: unknown) => ({ thrown }),
    );
    if (this.#stopped) return;
    const sent: Sent = {
      requestId,
      example,
      repeat: Math.floor(sequence / this.#options.data.length),
      scheduledAt,
      dispatchedAt,
      doneAt: this.now(),
    };
    const record = "generation" in outcome
      ? answeredRecord(sent, outcome.generation, this.#origin)
      : failedRecord(sent, outcome.thrown);
    this.#log?.append(record);
    this.#records.set(sequence, record);
    this.#onProgress(this.#records.size, this.#options.numRequests);
  }

  /** The records so far, in the order of sending. */
  records(): RequestRecord[] {
    return [...this.#records].sort(([a], [b]) => a - b).map(([, record]) => record);
  }

  summary(): LevelSummary {
    return {
      durationMs: this.#records.values().reduce((latest, r) => Math.max(latest, r.doneAt), 0),
      warmupRequests: (this.#options.warmup ?? 0) * this.#segments.length,
      resumed: this.#segments.length > 1,
      segments: this.#segments,
    };
  }

  close(): void {
    this.#log?.close();
    this.#progress?.finish();
  }

  #example(sequence: number): Example {
    return this.#options.data[this.#order[sequence]];
  }

  /** Settles when the target does, or when the request is aborted or timed out, whatever the target does. */
  async #infer(example: Example, requestId: string): Promise<Generation> {
    const { infer, timeoutMs } = this.#options;
    const controller = new AbortController();
    const { signal } = controller;
    this.#inFlight.add(controller);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      controller.abort(new DOMException(`no whole answer within ${timeoutMs} ms`, "TimeoutError"));
    }, timeoutMs);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    try {
      return await Promise.race([infer(example, { signal, requestId }), aborted]);
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(controller);
    }
  }
}

/** Gives the index of the example for each request: every example once, in random order, then again. */
export function seededOrder(examples: number, requests: number, seed: number): Uint32Array {
  const random = createRandom(seed);
  const indices = Array.from({ length: examples }, (_, i) => i);
  const order = new Uint32Array(requests);
  for (let at = 0; at < requests; at += examples) {
    order.set(shuffle(indices, random).slice(0, requests - at), at);
  }
  return order;
}

const newSegment = (fromMs: number): Segment => ({ fromMs, startedAt: new Date().toISOString() });
const sequenceOf = (requestId: string) => Number(requestId.slice(requestId.lastIndexOf("-") + 1));
