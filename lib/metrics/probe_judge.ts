/**
 * Judges a probe of open-loop load while it runs: is the share of requests within their SLOs at least so high?
 *
 * - Requests count in the order of their planned sending, and only once all before them are done: the quick answers of
 *   an overloaded target come first, and would flatter it.
 * - A verdict is looked for at 10% more requests each time, from the fewest that can prove the share on: looking
 *   after each request would let chance decide.
 * - A queue that grows will miss every limit in the end: it is a miss at once, and forbids to call the limits met
 *   before they are exceeded.
 * @see early_stopping.ts for the proof
 */
import { disprovesShare, fewestRequests, mean, provesShare } from "../math/mod.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import { meetsSlo } from "./slo.ts";

export type ProbeVerdict = "met" | "missed" | "undecided";
/** `proven` by the count of violations, `queue_grows`, or `limit`: the probe ended before either. */
export type ProbeReason = "proven" | "queue_grows" | "limit";

export interface ProbeJudgement {
  verdict: ProbeVerdict;
  reason: ProbeReason;
  /** Requests that the verdict rests on, and those of them that missed an SLO. */
  requests: number;
  violations: number;
}

export interface ProbeJudgeOptions {
  slo: Slo;
  /** Share of requests that must meet every SLO, below 1. */
  attainment: number;
  /** Planned instants of all requests, ascending. */
  plan: ArrayLike<number>;
  /** No limits are called met before (default 0). */
  minMs?: number;
}

/** Requests whose latency tells how long it takes until as many leave as come. */
const FIRST_REQUESTS = 10;
/** Fewest completions from which a growing queue is told. */
const FEWEST_SAMPLES = 16;
/** Each look takes so many times the requests of the one before. */
const LOOK_GROWTH = 1.1;

export class ProbeJudge {
  readonly #options: ProbeJudgeOptions;
  readonly #fewest: number;
  /** Requests that are done though one before them is not, by sequence number. */
  readonly #ahead = new Map<number, boolean>();
  /** At each completion: the instant, and how many requests were due and not done. */
  readonly #backlog: { at: number; count: number }[] = [];
  #requests = 0;
  #violations = 0;
  #due = 0;
  #firstDone = 0;
  #settledAt = 0;
  #nextLook: number;
  #nextQueueLook = FEWEST_SAMPLES;
  #judgement: ProbeJudgement | null = null;

  constructor(options: ProbeJudgeOptions) {
    this.#options = options;
    this.#fewest = fewestRequests(0, options.attainment);
    this.#nextLook = this.#fewest;
  }

  /**
   * Takes a record, in the order in which requests end.
   * @param sequence the request's place in the plan
   * @returns a judgement once there is one
   */
  add(sequence: number, record: RequestRecord): ProbeJudgement | null {
    if (this.#judgement !== null) return this.#judgement;
    const { plan, slo } = this.#options;
    while (this.#due < plan.length && plan[this.#due] <= record.doneAt) this.#due++;
    this.#backlog.push({ at: record.doneAt, count: this.#due - this.#backlog.length - 1 });
    if (sequence < FIRST_REQUESTS) {
      this.#firstDone++;
      this.#settledAt = Math.max(this.#settledAt, 1.5 * (record.doneAt - record.scheduledAt));
    }
    this.#ahead.set(sequence, meetsSlo(record, slo));
    for (let met; (met = this.#ahead.get(this.#requests)) !== undefined; this.#requests++) {
      this.#ahead.delete(this.#requests);
      if (!met) this.#violations++;
    }
    return this.#judgement = this.#look(record.doneAt);
  }

  /** The judgement, `undecided` where the probe ended before there was one. */
  end(): ProbeJudgement {
    return this.#judgement ?? this.#judge("undecided", "limit");
  }

  #look(now: number): ProbeJudgement | null {
    const { attainment, minMs = 0 } = this.#options;
    if (this.#backlog.length >= this.#nextQueueLook) {
      this.#nextQueueLook = Math.ceil(LOOK_GROWTH * this.#backlog.length);
      if (this.#queueGrows()) return this.#judge("missed", "queue_grows");
    }
    if (this.#requests < this.#nextLook) return null;
    if (disprovesShare(this.#violations, this.#requests, attainment)) return this.#judge("missed", "proven");
    const canBeMet = now >= minMs && !this.#queueMayGrow();
    if (canBeMet && provesShare(this.#violations, this.#requests, attainment)) {
      return this.#judge("met", "proven");
    }
    this.#nextLook = Math.ceil(LOOK_GROWTH * this.#requests);
    return null;
  }

  #judge(verdict: ProbeVerdict, reason: ProbeReason): ProbeJudgement {
    return { verdict, reason, requests: this.#requests, violations: this.#violations };
  }

  /** Backlogs since as many requests may leave as come: an empty target takes in more than it gives at first. */
  #settled(): number[] {
    return this.#backlog.filter((b) => b.at >= this.#settledAt).map((b) => b.count);
  }

  /** Whether the least backlog of the last quarter is far above the greatest of the first: it was never worked off. */
  #queueGrows(): boolean {
    if (this.#firstDone < FIRST_REQUESTS) return false;
    const counts = this.#settled();
    if (counts.length < FEWEST_SAMPLES) return false;
    const quarter = Math.floor(counts.length / 4);
    const before = Math.max(...counts.slice(0, quarter)), after = Math.min(...counts.slice(-quarter));
    return after > 2 * before + 4;
  }

  /** Whether the backlog of the second half is above that of the first, by more than a little. */
  #queueMayGrow(): boolean {
    const counts = this.#settled(), half = Math.floor(counts.length / 2);
    const before = mean(counts.slice(0, half)) ?? 0, after = mean(counts.slice(half)) ?? 0;
    return after > 1.5 * before + 2;
  }
}
