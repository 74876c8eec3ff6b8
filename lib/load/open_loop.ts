/**
 * Open-loop load: requests are sent when they are due, however the target keeps up.
 *
 * ```ts
 * const load = new OpenLoopLoadGenerator({ infer, arrivals: poisson(2, 7), numRequests: 100, data: val });
 * const records = await load.run();
 * await load.saveMetrics("requests_poisson_2.jsonl");
 * ```
 *
 * Requests are paced against absolute instants of the level's monotonic clock, and timed from their planned
 * sending: a late client or a limit on what is in flight hides no waiting.
 *
 * A level that is resumed goes on with the planned instants that have no record, all shifted alike where the first
 * of them has passed on the level's clock.
 * @see https://github.com/giltene/wrk2 for why latency is timed from the planned sending
 */
import { BadInput } from "../std/errors.ts";
import { sha256 } from "../std/files.ts";
import type { Example } from "../types/mod.ts";
import { type Arrivals, planArrivals } from "./arrivals.ts";
import { LoadGenerator } from "./generator.ts";
import type { Level, LevelOptions, LoadItem } from "./level.ts";

export interface OpenLoopOptions<T extends LoadItem = Example> extends LevelOptions<T> {
  /** Planned instants in ms, ascending. */
  arrivals: Arrivals;
  /** Takes the first so many of them (default: all). */
  numRequests?: number;
  /** Takes those before this instant (default: all). */
  durationMs?: number;
  /** Most requests in flight; further ones that are due wait for one to end (default: no limit). */
  maxInFlight?: number;
}

export class OpenLoopLoadGenerator<T extends LoadItem = Example> extends LoadGenerator<T> {
  readonly #plan: Float64Array;
  readonly #maxInFlight: number | undefined;

  /** @throws {BadInput} where the plan is empty, endless or not ascending, or maxInFlight no whole number from 1. */
  constructor(options: OpenLoopOptions<T>) {
    const { arrivals, maxInFlight, level = "open" } = options;
    if (maxInFlight !== undefined && (!Number.isInteger(maxInFlight) || maxInFlight < 1)) {
      throw new BadInput(
        `Cannot run a load test as maxInFlight must be a whole number of at least 1: it is ${maxInFlight}`,
      );
    }
    const plan = planArrivals(arrivals, options);
    const load = {
      pattern: "open_loop",
      ...arrivals.settings,
      max_in_flight: maxInFlight ?? null,
      arrivals_sha256: sha256(new Uint8Array(plan.buffer)),
    };
    super({ ...options, level, numRequests: plan.length }, load, maxInFlight ?? 1);
    this.#plan = plan;
    this.#maxInFlight = maxInFlight;
  }

  protected override async send(level: Level<T>, pending: readonly number[]): Promise<void> {
    const limit = this.#maxInFlight ?? Infinity;
    const shift = Math.max(0, level.now() - this.#plan[pending[0]]);
    let inFlight = 0;
    let ended = Promise.withResolvers<void>();
    let failure: { reason: unknown } | null = null;
    const oneEnds = () => (ended = Promise.withResolvers()).promise;
    /** Since when as much as may be is in flight, while requests that are due wait for it. */
    let fullSince: number | null = null;

    for (const sequence of pending) {
      const dueAt = this.#plan[sequence] + shift;
      if (dueAt > level.now()) {
        fullSince = null;
        await level.sleepUntil(dueAt);
      }
      while (inFlight >= limit && !level.ended) {
        fullSince ??= level.now();
        await oneEnds();
      }
      if (level.ended) break;
      const heldMs = fullSince === null ? 0 : level.now() - Math.max(dueAt, fullSince);
      inFlight++;
      level.send(sequence, dueAt, limit === Infinity ? undefined : Math.max(0, heldMs)).catch((reason) => {
        failure ??= { reason };
        level.stop();
      }).finally(() => {
        inFlight--;
        ended.resolve();
      });
    }
    while (inFlight > 0) await oneEnds();
    if (failure !== null) throw (failure as { reason: unknown }).reason;
  }
}
