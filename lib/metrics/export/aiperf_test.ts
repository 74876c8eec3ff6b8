import assert from "node:assert/strict";
import { requestRecord } from "../testing/record.ts";
import { aiperfLine, aiperfRecords } from "./aiperf.ts";

const segments = [
  { fromMs: 0, startedAt: "2026-01-01T00:00:00.000Z" },
  { fromMs: 1000, startedAt: "2026-01-02T00:00:00.000Z" },
];

Deno.test("aiperfRecords() gives AIPerf's metrics with its units, from the sending", () => {
  const open = requestRecord({ scheduledAt: 10, dispatchedAt: 40, itlsMs: Array(10).fill(10) });
  const [{ metadata, metrics, error }] = aiperfRecords([open], segments);
  assert.deepEqual(metrics, {
    time_to_first_token: { value: 60, unit: "ms" },
    request_latency: { value: 160, unit: "ms" },
    inter_token_latency: { value: 10, unit: "ms" },
    inter_chunk_latency: { value: Array(10).fill(10), unit: "ms" },
    input_sequence_length: { value: 50, unit: "tokens" },
    output_sequence_length: { value: 11, unit: "tokens" },
  });
  assert.equal(error, null);
  assert.deepEqual([metadata.session_num, metadata.x_request_id, metadata.conversation_id], [
    0,
    "c1-0",
    "mmlu/test/0",
  ]);
});

Deno.test("aiperfRecords() has no latency of what has none", () => {
  const of = (change: Parameters<typeof requestRecord>[0]) =>
    aiperfRecords([requestRecord(change)], segments)[0];
  assert.equal(of({ tpotMs: null }).metrics.inter_token_latency, undefined);
  assert.deepEqual(Object.keys(of({ firstTokenAt: null, lastTokenAt: null, tpotMs: null }).metrics), [
    "input_sequence_length",
    "output_sequence_length",
  ]);
  const refused = of({ error: { kind: "http_429", message: "full" } });
  assert.deepEqual([refused.metrics, refused.error, refused.metadata.was_cancelled], [
    {},
    { code: 429, type: "http_429", message: "full" },
    false,
  ]);
  const stopped = of({ error: { kind: "stopped", message: "" } });
  assert.deepEqual([stopped.error?.code, stopped.metadata.was_cancelled], [null, true]);
});

Deno.test("aiperfLine() writes the wall clock of the request's segment, exact to the nanosecond", () => {
  const second = requestRecord({ scheduledAt: 1000.5, dispatchedAt: 1000.625, doneAt: 1100.001 });
  const lines = aiperfRecords([requestRecord(), second], segments).map(aiperfLine);
  assert.match(lines[0], /"request_start_ns":1767225600000000000,/);
  assert.match(
    lines[1],
    /"credit_issued_ns":1767312000000500000,"request_start_ns":1767312000000625000,"request_ack_ns":null,/,
  );
  assert.match(lines[1], /"request_end_ns":1767312000100001000,/);
  assert.equal(JSON.parse(lines[1]).metadata.benchmark_phase, "profiling");
});
