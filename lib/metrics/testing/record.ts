/** For tests alone: a request's record. */
import type { RequestRecord } from "../../types/mod.ts";

/** A request that took 100 ms to the first token and 10 ms for each of 10 more. */
export function requestRecord(change: Partial<RequestRecord> = {}): RequestRecord {
  return {
    requestId: "c1-0",
    exampleId: "mmlu/test/0",
    dataset: "mmlu",
    repeat: 0,
    scheduledAt: 0,
    dispatchedAt: 0,
    admittedAt: 5,
    firstTokenAt: 100,
    lastTokenAt: 200,
    doneAt: 200,
    queueWaitTimeMs: 5,
    inferenceTimeMs: 195,
    e2eLatencyMs: 200,
    ttftMs: 100,
    ttftFromScheduledMs: 100,
    tpotMs: 10,
    inputTokens: 50,
    outputTokens: 12,
    contentTokens: 11,
    truncatedTokens: 0,
    finishReason: "stop",
    text: "",
    error: null,
    ...change,
  };
}
