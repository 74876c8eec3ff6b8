/**
 * A level as AIPerf's `profile_export.jsonl`, with AIPerf's definitions where they differ:
 *
 * - latencies are timed from the sending, also those of an open loop; `credit_issued_ns` is the planned sending;
 * - `inter_token_latency` is our TPOT, and the gaps between tokens are `inter_chunk_latency`;
 * - `output_sequence_length` counts content tokens, as AIPerf does in the text: the end token is none.
 *
 * Prompt tokens are the target's, with those of the chat template, as with AIPerf's `--use-server-token-count`.
 * No instant of the response's head was kept: `request_ack_ns` is null.
 * @see aiperf 0.13.0, `aiperf/common/models/record_models.py`: `MetricRecordInfo`; `aiperf/metrics/types`
 */
import type { Segment } from "../../load/mod.ts";
import type { RequestRecord } from "../../types/mod.ts";

interface Measure<T = number> {
  value: T;
  unit: "ms" | "tokens";
}

/** A line of the file. Instants are wall-clock nanoseconds since 1970. */
export interface AiperfRecord {
  metadata: {
    /** Place of the request in the level, from 0. */
    session_num: number;
    x_request_id: string;
    /** The example that was sent. */
    conversation_id: string;
    credit_issued_ns: bigint;
    request_start_ns: bigint;
    request_ack_ns: null;
    request_end_ns: bigint;
    worker_id: string;
    record_processor_id: string;
    benchmark_phase: "profiling";
    was_cancelled: boolean;
  };
  /** Empty for a request that failed. */
  metrics: {
    time_to_first_token?: Measure;
    inter_token_latency?: Measure;
    inter_chunk_latency?: Measure<number[]>;
    request_latency?: Measure;
    input_sequence_length?: Measure;
    output_sequence_length?: Measure;
  };
  error: { code: number | null; type: string; message: string } | null;
}

/**
 * Makes the file's records.
 * @param segments where the level's clock stood, and the wall clock, whenever it was begun or resumed
 */
export function aiperfRecords(
  records: readonly RequestRecord[],
  segments: readonly Segment[],
): AiperfRecord[] {
  const starts = segments.map((s) => ({ fromMs: s.fromMs, epochMs: Date.parse(s.startedAt) }));
  const nanoseconds = (at: number) => {
    const segment = starts.findLast((s) => s.fromMs <= at) ?? starts[0] ?? { fromMs: 0, epochMs: 0 };
    return BigInt(segment.epochMs) * 1_000_000n + BigInt(Math.round((at - segment.fromMs) * 1e6));
  };
  return records.map((r, i) => ({
    metadata: {
      session_num: i,
      x_request_id: r.requestId,
      conversation_id: r.exampleId,
      credit_issued_ns: nanoseconds(r.scheduledAt),
      request_start_ns: nanoseconds(r.dispatchedAt),
      request_ack_ns: null,
      request_end_ns: nanoseconds(r.doneAt),
      worker_id: "slolab",
      record_processor_id: "slolab",
      benchmark_phase: "profiling",
      was_cancelled: r.error?.kind === "abort" || r.error?.kind === "stopped",
    },
    metrics: r.error === null ? metricsOf(r) : {},
    error: r.error && {
      code: Number(/^http_(\d{3})$/.exec(r.error.kind)?.[1] ?? NaN) || null,
      type: r.error.kind,
      message: r.error.message,
    },
  }));
}

function metricsOf(r: RequestRecord): AiperfRecord["metrics"] {
  const ms = (value: number): Measure => ({ value, unit: "ms" });
  const tokens = (value: number): Measure => ({ value, unit: "tokens" });
  const answered = r.firstTokenAt !== null && r.lastTokenAt !== null;
  return {
    ...(answered && {
      time_to_first_token: ms(r.firstTokenAt! - r.dispatchedAt),
      request_latency: ms(r.lastTokenAt! - r.dispatchedAt),
    }),
    ...(r.tpotMs !== null && { inter_token_latency: ms(r.tpotMs) }),
    ...(r.itlsMs?.length && { inter_chunk_latency: { value: r.itlsMs, unit: "ms" } }),
    input_sequence_length: tokens(r.inputTokens),
    output_sequence_length: tokens(r.contentTokens),
  };
}

/** A record as its line: whole nanoseconds pass what a double holds exactly. */
export function aiperfLine(record: AiperfRecord): string {
  const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
  return JSON.stringify(record, (_, value) => typeof value === "bigint" ? rawJson(String(value)) : value);
}
