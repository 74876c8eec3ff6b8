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

/** What a level sends: all that it reads of it. */
export interface LoadItem {
  id: string;
  dataset: RequestRecord["dataset"];
}

export interface InferContext {
  signal: AbortSignal;
  requestId: string;
  /** Takes each token's arrival, where the level keeps them. */
  onToken?: (event: { at: number }) => void;
}

/** Sends one example to a target; a rejection becomes the record's error. */
export type Infer<T extends LoadItem = Example> = (item: T, context: InferContext) => Promise<Generation>;

/**
 * How a level ends before all is sent. `drain`: requests in flight are waited for; `abort`: they are aborted and
 * recorded with an error of kind `stopped`.
 */
export type EarlyEnd = "drain" | "abort";

/** What every load pattern takes. */
export interface LevelOptions<T extends LoadItem = Example> {
  infer: Infer<T>;
  /** What is sent, in a seeded order; shuffled anew each time all of it has been sent. */
  data: readonly T[];
  /** Sends the data as it stands instead, over and over. */
  inOrder?: boolean;
  /** Orders the examples (default 0). */
  seed?: number;
  /** Requests sent before the clock starts, without a record (default 0). */
  warmup?: number;
  /** Requests scheduled in the level's first so many ms are in no figure, but counted (default 0). */
  warmupMs?: number;
  /** The same before the last request's planned sending. */
  cooldownMs?: number;
  /** Begins the request ids: `<level>-<sequence>`. */
  level?: string;
  /**
   * A request without a whole answer so long after its planned sending is aborted and recorded as a `timeout`, or
   * as `dropped` where the client could not send it by then (default: none).
   */
  timeoutMs?: number;
  /** Keeps the gaps between tokens in the records. */
  itls?: boolean;
  /** Sees each record as it is made, those kept of a broken run first, and may end the level. */
  onRecord?: (record: RequestRecord) => EarlyEnd | void;
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
  /** Calls back after so many ms, unless cancelled by what it returns (default `setTimeout`). */
  setTimer?: (callback: () => void, ms: number) => () => void;
}

/** The pattern and its parameters by the names that files have: `{ pattern: "poisson", rate: 2, seed: 1 }`. */
export type LoadSettings = { pattern: string } & Readonly<Record<string, unknown>>;

/** How a level ran, beside its records: what `MetricsCalculator` takes. */
export interface LevelSummary {
  load: LoadSettings;
  /** From the first request's sending to the last one's end, without the gaps between segments. */
  durationMs: number;
  warmupRequests: number;
  /** As in {@linkcode LevelOptions}. */
  warmupMs: number;
  cooldownMs: number;
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

/** Options with what the pattern adds to them. */
export type PatternOptions<T extends LoadItem> = LevelOptions<T> & { level: string; numRequests: number };

export class Level<T extends LoadItem = Example> {
  readonly #options: PatternOptions<T>;
  readonly #load: LoadSettings;
  readonly #fingerprint: Record<string, unknown>;
  readonly #now: () => number;
  readonly #order: Uint32Array;
  readonly #log: RequestLog | null;
  readonly #records = new Map<number, RequestRecord>();
  readonly #segments: Segment[];
  readonly #inFlight = new Set<AbortController>();
  readonly #sleepers = new Set<() => void>();
  readonly #onProgress: (done: number, total: number) => void;
  #progress: Progress | null = null;
  #ended = false;
  #stopped = false;
  #origin = 0;

  private constructor(
    options: PatternOptions<T>,
    load: LoadSettings,
    fingerprint: Record<string, unknown>,
    log: RequestLog | null,
    kept: RequestRecord[],
    segments: Segment[],
  ) {
    const { data, numRequests, warmup = 0, seed = 0, onRecord } = options;
    this.#options = options;
    this.#load = load;
    this.#fingerprint = fingerprint;
    this.#now = options.now ?? (() => performance.now());
    this.#order = options.inOrder
      ? Uint32Array.from({ length: numRequests + warmup }, (_, i) => i % data.length)
      : seededOrder(data.length, numRequests + warmup, seed);
    this.#log = log;
    this.#segments = segments;
    for (const record of kept) this.#records.set(sequenceOf(record.requestId), record);
    if (options.onProgress) this.#onProgress = options.onProgress;
    else {
      const before = this.#records.size, total = numRequests - before;
      this.#onProgress = (done) => {
        this.#progress ??= new Progress({ label: "requests", total, every: 100, now: this.#now });
        this.#progress.update(done - before);
      };
    }
    for (const record of kept) if (onRecord?.(record)) this.#ended = true;
  }

  /**
   * Opens a level, taking up what its log holds when resuming.
   * @param load the pattern, part of the fingerprint
   * @throws {BadInput} for options out of range, or a log that other settings began.
   */
  static async open<T extends LoadItem>(options: PatternOptions<T>, load: LoadSettings): Promise<Level<T>> {
    const { data, numRequests, requestsPath, resume = false } = options;
    const { warmup = 0, warmupMs = 0, cooldownMs = 0, seed = 0 } = options;
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
    for (const [name, value] of [["warmupMs", warmupMs], ["cooldownMs", cooldownMs]] as const) {
      if (!(value >= 0)) {
        throw new BadInput(
          `Cannot run a load test as ${name} must be a number of at least 0: it is ${value}`,
        );
      }
    }
    const fingerprint = {
      ...load,
      level: options.level,
      num_requests: numRequests,
      warmup,
      seed,
      timeout_ms: options.timeoutMs ?? null,
      ...(options.itls && { itls: true }),
      ...(options.inOrder && { in_order: true }),
      examples: sha256(data.map((e) => e.id).join("\n")),
      ...options.fingerprint,
    };
    if (requestsPath === undefined) return new Level(options, load, fingerprint, null, [], []);
    const statePath = statePathOf(requestsPath);
    const earlier = resume && await exists(statePath) ? await readJson<State>(statePath) : null;
    if (earlier) requireSameSettings(requestsPath, earlier.fingerprint, fingerprint);
    const { log, records } = await RequestLog.open(requestsPath, earlier !== null);
    const segments = records.length && earlier
      ? earlier.segments.map((s): Segment => ({ fromMs: s.from_ms, startedAt: s.started_at }))
      : [];
    return new Level(options, load, fingerprint, log, records, segments);
  }

  /** Sequence numbers without a record, in order; none where `onRecord` ended the level. */
  pending(): number[] {
    if (this.#ended && !this.#stopped) return [];
    const all = Array.from({ length: this.#options.numRequests }, (_, i) => i);
    return all.filter((sequence) => !this.#records.has(sequence));
  }

  /** Sends the warm-up requests, `concurrency` at a time, then starts the clock: a segment of the level. */
  async start(concurrency: number): Promise<void> {
    const { warmup = 0, numRequests, signal, requestsPath } = this.#options;
    signal?.addEventListener("abort", () => this.stop(), { once: true });
    if (signal?.aborted) this.stop();
    let next = 0;
    const worker = async () => {
      while (next < warmup && !this.#ended) {
        const n = next++;
        await this.#infer(this.#item(numRequests + n), { requestId: `${this.#options.level}-warmup-${n}` })
          .catch(() => {}); // A target that fails here fails in the level too, on record.
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    const fromMs = this.#latest();
    this.#segments.push({ fromMs, startedAt: new Date().toISOString() });
    if (requestsPath !== undefined) {
      await writeJson(
        statePathOf(requestsPath),
        {
          fingerprint: this.#fingerprint,
          segments: this.#segments.map((s) => ({ from_ms: s.fromMs, started_at: s.startedAt })),
        } satisfies State,
      );
    }
    this.#origin = this.#now() - fromMs;
  }

  /** Ms since the level began. */
  now(): number {
    return this.#now() - this.#origin;
  }

  /** Whether nothing more is to be sent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the level was stopped from outside: what was in flight then has no record. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Sends nothing more; aborts what is in flight, without a record. */
  stop(): void {
    this.#stopped = true;
    this.#end(this.#options.signal?.reason ?? new DOMException("the level was stopped", "AbortError"));
  }

  /** Waits for an instant on the level's clock; returns at once where the level ends. */
  async sleepUntil(at: number): Promise<void> {
    const { setTimer = realTimer } = this.#options;
    for (let ms: number; !this.#ended && (ms = at - this.now()) > 0;) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          cancel();
          this.#sleepers.delete(wake);
          resolve();
        };
        const cancel = setTimer(wake, Math.min(Math.ceil(ms), MAX_TIMER_MS));
        this.#sleepers.add(wake);
      });
    }
  }

  /**
   * Sends one request and keeps its record; resolves when it is done, whatever came of it.
   * @param scheduledAt when the pattern meant to send it, on the level's clock
   * @param heldMs how long `maxInFlight` held it back
   * @throws {Error} where the record cannot be kept (a full disk).
   */
  async send(sequence: number, scheduledAt: number, heldMs?: number): Promise<void> {
    const { level, data, itls, onRecord, numRequests } = this.#options;
    const requestId = `${level}-${sequence}`;
    const item = this.#item(sequence);
    const dispatchedAt = this.now();
    const tokensAt: number[] | undefined = itls ? [] : undefined;
    const outcome = await this.#infer(item, {
      requestId,
      sinceMs: dispatchedAt - scheduledAt,
      onToken: tokensAt && (({ at }) => tokensAt.push(at)),
    }).then(
      (generation) => ({ generation }),
      (thrown: unknown) => ({ thrown }),
    );
    if (this.#stopped) return;
    const sent: Sent = {
      requestId,
      exampleId: item.id,
      dataset: item.dataset,
      repeat: Math.floor(sequence / data.length),
      scheduledAt,
      dispatchedAt,
      heldMs,
      doneAt: this.now(),
      tokensAt,
    };
    const record = "generation" in outcome
      ? answeredRecord(sent, outcome.generation, this.#origin)
      : failedRecord(sent, outcome.thrown);
    this.#log?.append(record);
    this.#records.set(sequence, record);
    this.#onProgress(this.#records.size, numRequests);
    const end = onRecord?.(record);
    if (end) {
      const reason = new Error("the level was ended before the answer was whole");
      this.#end(end === "abort" ? Object.assign(reason, { kind: "stopped" }) : undefined);
    }
  }

  /** The records so far, in the order of sending. */
  records(): RequestRecord[] {
    return [...this.#records].sort(([a], [b]) => a - b).map(([, record]) => record);
  }

  summary(): LevelSummary {
    const { warmup = 0, warmupMs = 0, cooldownMs = 0 } = this.#options;
    return {
      load: this.#load,
      durationMs: this.#latest(),
      warmupRequests: warmup * this.#segments.length,
      warmupMs,
      cooldownMs,
      resumed: this.#segments.length > 1,
      segments: this.#segments,
    };
  }

  close(): void {
    this.#log?.close();
    this.#progress?.finish();
  }

  /** When the last request so far was done. */
  #latest(): number {
    return this.#records.values().reduce((latest, r) => Math.max(latest, r.doneAt), 0);
  }

  #item(sequence: number): T {
    return this.#options.data[this.#order[sequence]];
  }

  /** @param abort why requests in flight are aborted, where they are */
  #end(abort?: unknown): void {
    this.#ended = true;
    for (const wake of [...this.#sleepers]) wake();
    if (abort !== undefined) { for (const controller of this.#inFlight) controller.abort(abort); }
  }

  /** Settles when the target does, or when the request is aborted or timed out, whatever the target does. */
  async #infer(
    item: T,
    { sinceMs = 0, ...context }: Omit<InferContext, "signal"> & { sinceMs?: number },
  ): Promise<Generation> {
    const { infer, timeoutMs, setTimer = realTimer } = this.#options;
    if (timeoutMs !== undefined && sinceMs >= timeoutMs) {
      throw Object.assign(new Error(`not sent within ${timeoutMs} ms`), { kind: "dropped" });
    }
    const controller = new AbortController();
    const { signal } = controller;
    this.#inFlight.add(controller);
    const cancel = timeoutMs === undefined ? () => {} : setTimer(() => {
      controller.abort(new DOMException(`no whole answer within ${timeoutMs} ms`, "TimeoutError"));
    }, timeoutMs - sinceMs);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    try {
      return await Promise.race([infer(item, { signal, ...context }), aborted]);
    } finally {
      cancel();
      this.#inFlight.delete(controller);
    }
  }
}

/** The longest that `setTimeout` can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function realTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
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

const statePathOf = (requestsPath: string) => requestsPath.replace(/(\.jsonl)?$/, ".level.json");
/** A request's place in its level, from 0. */
export const sequenceOf = (requestId: string) => Number(requestId.slice(requestId.lastIndexOf("-") + 1));
