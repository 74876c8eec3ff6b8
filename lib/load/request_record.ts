/** From what a target answered to the record of a request; the definitions of its durations. */
import type { Generation, RequestError, RequestRecord } from "../types/mod.ts";
import { messageOf } from "../std/errors.ts";

/** What the client knows of a request, its instants in ms on the level's clock. */
export interface Sent {
  requestId: string;
  exampleId: string;
  dataset: RequestRecord["dataset"];
  repeat: number;
  scheduledAt: number;
  dispatchedAt: number;
  /** See {@linkcode RequestRecord.heldMs}. */
  heldMs?: number;
  doneAt: number;
  /** Arrivals of tokens on the target's clock, where the level keeps them. */
  tokensAt?: readonly number[];
}

/**
 * Makes the record of an answered request.
 * @param origin the target's clock at the level's 0, in ms
 */
export function answeredRecord(sent: Sent, generation: Generation, origin: number): RequestRecord {
  const stamp = (at: number | null) => at === null ? null : toMicros(at - origin);
  const aborted = generation.finishReason === "abort";
  return record(sent, {
    admittedAt: stamp(generation.admittedAt),
    firstTokenAt: stamp(generation.firstTokenAt),
    lastTokenAt: stamp(generation.lastTokenAt),
    inputTokens: generation.promptTokens,
    outputTokens: generation.outputTokens,
    contentTokens: generation.contentTokens,
    truncatedTokens: generation.truncatedTokens,
    finishReason: generation.finishReason,
    itlsMs: sent.tokensAt && gaps(sent.tokensAt, generation.lastTokenAt),
    text: generation.text,
    error: aborted ? { kind: "abort", message: "the target ended the answer before it was whole" } : null,
  });
}

/** Makes the record of a request that ended without an answer. */
export function failedRecord(sent: Sent, thrown: unknown): RequestRecord {
  return record(sent, {
    admittedAt: null,
    firstTokenAt: null,
    lastTokenAt: null,
    inputTokens: 0,
    outputTokens: 0,
    contentTokens: 0,
    truncatedTokens: 0,
    finishReason: null,
    text: "",
    error: errorOf(thrown),
  });
}

/**
 * Names the kind of an error: the `kind` that a target gave it, `timeout`, `overlong` (a `RangeError`: the
 * prompt does not fit), else `engine`.
 */
export function errorOf(thrown: unknown): RequestError {
  const { kind, name } = (thrown ?? {}) as { kind?: unknown; name?: unknown };
  return {
    kind: typeof kind === "string"
      ? kind
      : name === "TimeoutError"
      ? "timeout"
      : thrown instanceof RangeError
      ? "overlong"
      : "engine",
    message: messageOf(thrown),
  };
}

type Answer = Pick<
  RequestRecord,
  | "admittedAt"
  | "firstTokenAt"
  | "lastTokenAt"
  | "inputTokens"
  | "outputTokens"
  | "contentTokens"
  | "truncatedTokens"
  | "finishReason"
  | "itlsMs"
  | "text"
  | "error"
>;

function record(
  { requestId, exampleId, dataset, repeat, heldMs, ...stamps }: Sent,
  answer: Answer,
): RequestRecord {
  const scheduledAt = toMicros(stamps.scheduledAt), dispatchedAt = toMicros(stamps.dispatchedAt);
  const doneAt = toMicros(stamps.doneAt);
  const { admittedAt, firstTokenAt, lastTokenAt, contentTokens } = answer;
  // An answer without a token ends when it is done; a request without an answer has no latency.
  const endedAt = lastTokenAt ?? (answer.error === null ? doneAt : null);
  const since = (end: number | null, start: number | null) =>
    end === null || start === null ? null : toMicros(end - start);
  return {
    requestId,
    exampleId,
    dataset,
    repeat,
    scheduledAt,
    dispatchedAt,
    admittedAt,
    firstTokenAt,
    lastTokenAt,
    doneAt,
    ...(heldMs === undefined ? {} : { heldMs: toMicros(heldMs) }),
    queueWaitTimeMs: since(admittedAt ?? (heldMs === undefined ? null : dispatchedAt), scheduledAt),
    inferenceTimeMs: since(endedAt, admittedAt ?? dispatchedAt),
    e2eLatencyMs: since(endedAt, scheduledAt),
    ttftMs: since(firstTokenAt, dispatchedAt),
    ttftFromScheduledMs: since(firstTokenAt, scheduledAt),
    tpotMs: contentTokens < 2 || firstTokenAt === null || lastTokenAt === null
      ? null
      : toMicros((lastTokenAt - firstTokenAt) / (contentTokens - 1)),
    ...(answer.itlsMs === undefined ? {} : { itlsMs: answer.itlsMs }),
    inputTokens: answer.inputTokens,
    outputTokens: answer.outputTokens,
    contentTokens,
    truncatedTokens: answer.truncatedTokens,
    finishReason: answer.finishReason,
    text: answer.text,
    error: answer.error,
  };
}

/** Gaps between arrivals up to the last content token: an end token's arrival is none. */
function gaps(tokensAt: readonly number[], lastTokenAt: number | null): number[] {
  const content = tokensAt.filter((at) => lastTokenAt !== null && at <= lastTokenAt);
  return content.slice(1).map((at, i) => toMicros(at - content[i]));
}

/** Rounds ms to whole microseconds: what the clock can tell, and short in a file. */
const toMicros = (ms: number) => Math.round(ms * 1000) / 1000;
