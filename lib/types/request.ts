/** Records of load, and the limits they are judged by. */
import type { DatasetName } from "./example.ts";
import type { FinishReason } from "./inference.ts";

/** Service level objectives in ms; null is no limit. A request with several meets all of them or misses. */
export interface Slo {
  ttftMs: number | null;
  tpotMs: number | null;
  e2eMs: number | null;
}

export interface RequestError {
  /** `timeout`, `overlong`, `dropped`, `engine`, or one of an endpoint's (lib/endpoint/errors.ts): `http_429`, ... */
  kind: string;
  message: string;
}

/**
 * One request of a load test: a line of `requests_concurrency_N.jsonl` (there in snake_case).
 * Instants are monotonic ms since the level began. Durations follow `docs` in lib/metrics.
 */
export interface RequestRecord {
  /** `<level>-<sequence>`, unique in a run. */
  requestId: string;
  exampleId: string;
  dataset: DatasetName | "synthetic";
  /** 0 the first time an example is sent in a level, 1 the second, ... */
  repeat: number;
  scheduledAt: number;
  dispatchedAt: number;
  admittedAt: number | null;
  firstTokenAt: number | null;
  lastTokenAt: number | null;
  doneAt: number;
  /** How long the client held it back under `maxInFlight`, of levels that have one. */
  heldMs?: number;
  /** admitted - scheduled (of a held request dispatched - scheduled, where the target does not say when it admitted). */
  queueWaitTimeMs: number | null;
  /** last token - admitted (dispatched where unknown). */
  inferenceTimeMs: number | null;
  /** last token - scheduled. */
  e2eLatencyMs: number | null;
  /** first token - dispatched. */
  ttftMs: number | null;
  /** first token - scheduled: what open-loop SLOs are judged on. */
  ttftFromScheduledMs: number | null;
  /** (last token - first token) / (content tokens - 1); null below two content tokens. */
  tpotMs: number | null;
  /** Gaps between the arrivals of content tokens, of levels that keep them; a chunk of several tokens arrives once. */
  itlsMs?: number[];
  inputTokens: number;
  outputTokens: number;
  contentTokens: number;
  truncatedTokens: number;
  finishReason: FinishReason | null;
  text: string;
  error: RequestError | null;
}
