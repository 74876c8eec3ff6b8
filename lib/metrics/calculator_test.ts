import assert from "node:assert/strict";
import { join } from "node:path";
import { readJson } from "../std/files.ts";
import { createRandom } from "../math/mod.ts";
import type { RequestRecord } from "../types/mod.ts";
import { MetricsCalculator } from "./calculator.ts";
import { type MetricsDocument, summarizeLevel } from "./document.ts";
import { requestRecord as record } from "./testing/record.ts";

const failure = record({
  ttftMs: null,
  ttftFromScheduledMs: null,
  tpotMs: null,
  e2eLatencyMs: null,
  queueWaitTimeMs: null,
  outputTokens: 0,
  finishReason: null,
  error: { kind: "timeout", message: "" },
});
const slo = { ttftMs: 150, tpotMs: 20, e2eMs: null };

Deno.test("computeAllMetrics() counts failures as SLO misses, but not in latencies or throughput", () => {
  const { summary, ttft } = new MetricsCalculator(
    [record(), record(), record({ ttftFromScheduledMs: 151, tpotMs: 21 }), failure],
    slo,
    { durationMs: 2000 },
  ).computeAllMetrics();
  assert.equal(summary.total_requests, 4);
  assert.equal(summary.successful_requests, 3);
  assert.equal(summary.success_rate, 0.75);
  assert.equal(summary.slo_compliance, 0.5);
  assert.equal(summary.slo_violations, 2);
  assert.deepEqual(summary.slo_violations_by, { ttft: 1, tpot: 1, e2e: 0, error: 1 });
  assert.equal(summary.goodput_requests_per_sec, 1);
  assert.equal(summary.throughput_requests_per_sec, 1.5);
  assert.equal(summary.throughput_tokens_per_sec, 18);
  assert.deepEqual(summary.errors, { timeout: 1 });
  assert.equal(ttft.count, 3);
});

Deno.test("computeAllMetrics() judges a one-token output on the SLOs that it has", () => {
  const one = record({ tpotMs: null, contentTokens: 1 });
  const { summary, tpot } = new MetricsCalculator([one, record()], slo).computeAllMetrics();
  assert.equal(summary.slo_compliance, 1);
  assert.equal(summary.requests_without_tpot, 1);
  assert.equal(tpot.count, 1);
  assert.equal(tpot.min, 10);
  const late = new MetricsCalculator([{ ...one, ttftFromScheduledMs: 200 }], slo);
  assert.equal(late.computeAllMetrics().summary.slo_compliance, 0);
});

Deno.test("computeAllMetrics() judges TTFT from the planned sending, and a limit itself is met", () => {
  const compliance = (change: Partial<RequestRecord>) =>
    new MetricsCalculator([record(change)], { ttftMs: 100, tpotMs: 10, e2eMs: 200 })
      .computeAllMetrics().summary.slo_compliance;
  assert.equal(compliance({}), 1);
  assert.equal(compliance({ ttftFromScheduledMs: 100.001 }), 0);
  assert.equal(compliance({ e2eLatencyMs: 200.001 }), 0);
});

Deno.test("computeAllMetrics() gives percentiles with intervals, mean and spread", () => {
  const records = Array.from({ length: 1000 }, (_, i) => record({ ttftMs: 1000 - i, doneAt: 10 * (i + 1) }));
  const { summary, ttft } = new MetricsCalculator(records, slo).computeAllMetrics();
  assert.equal(summary.duration_sec, 10);
  assert.equal(ttft.p50, 500.5);
  assert.ok(Math.abs(ttft.p99! - 990.01) < 1e-9);
  assert.deepEqual([ttft.min, ttft.max, ttft.mean, ttft.count], [1, 1000, 500.5, 1000]);
  assert.ok(Math.abs(ttft.std! - Math.sqrt((1000 * 1001) / 12)) < 1e-9);
  // the normal approximation: 500.5 ± 1.96 * sqrt(1000) / 2
  assert.deepEqual(ttft.p50_ci, [469, 532]);
  const [low, high] = ttft.p99_ci;
  assert.ok(low! < ttft.p99! && high! > ttft.p99! && high! <= 1000);
});

Deno.test("computeAllMetrics() takes records that are made as they are read", () => {
  const values = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5000);
  function* made() {
    for (const value of values) yield record({ ttftMs: value, tpotMs: value % 2 ? null : value });
  }
  const of = (records: Iterable<RequestRecord>) => new MetricsCalculator(records, slo).computeAllMetrics();
  const document = of({ [Symbol.iterator]: made });
  assert.deepEqual(document, of([...made()]));
  assert.deepEqual([document.ttft.count, document.ttft.min, document.ttft.max], [5000, 0, 4999]);
  assert.deepEqual([document.tpot.count, document.tpot.mean], [2500, 2499]);
});

Deno.test("computeAllMetrics() leaves the p99 open above below 367 requests", () => {
  const interval = (n: number) =>
    new MetricsCalculator(Array.from({ length: n }, (_, i) => record({ ttftMs: i })), slo)
      .computeAllMetrics().ttft.p99_ci;
  assert.equal(interval(366)[1], null);
  assert.ok(interval(366)[0]! > 350);
  assert.equal(interval(367)[1], 366);
});

Deno.test("computeAllMetrics() gives null, never NaN, for nothing or for failures alone", () => {
  for (const records of [[], [failure], [record({ ttftMs: NaN, scheduledAt: 0, doneAt: 0 })]]) {
    const document = new MetricsCalculator(records, slo).computeAllMetrics();
    assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
    assert.equal(document.ttft.p99, null);
    assert.deepEqual(document.ttft.p99_ci, [null, null]);
    assert.equal(document.summary.throughput_tokens_per_sec, records[0]?.error ? 0 : null);
  }
});

Deno.test("computeAllMetrics() takes duration, warm-up and resumption from the level", () => {
  const { summary } = new MetricsCalculator([record({ truncatedTokens: 3, repeat: 1 })], slo, {
    concurrency: 8,
    durationMs: 500,
    warmupRequests: 4,
    resumed: true,
    segments: [{ fromMs: 0, startedAt: "2026-01-01T00:00:00Z" }, {
      fromMs: 100,
      startedAt: "2026-01-02T00:00:00Z",
    }],
  }).computeAllMetrics();
  assert.equal(summary.duration_sec, 0.5);
  assert.deepEqual(summary.segments[1], { from_ms: 100, started_at: "2026-01-02T00:00:00Z" });
  assert.deepEqual(
    [
      summary.concurrency,
      summary.warmup_requests,
      summary.resumed,
      summary.truncated_prompts,
      summary.repeated_requests,
    ],
    [8, 4, true, 1, 1],
  );
});

Deno.test("summarizeLevel() gives the row of summary.json with the keys that its readers know", () => {
  const metrics = new MetricsCalculator([record(), failure], slo, { durationMs: 1000 }).computeAllMetrics();
  assert.deepEqual(summarizeLevel(4, metrics), {
    concurrency: 4,
    num_requests: 2,
    duration_sec: 1,
    success_rate: 0.5,
    throughput_tokens_per_sec: 12,
    ttft_p99_ms: 100,
    tpot_p95_ms: 10,
    e2e_p99_ms: 200,
    slo_compliance: 0.5,
    slo_violations: 1,
  });
});

Deno.test("saveMetrics() writes the document", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const metrics = new MetricsCalculator([record()], slo);
    await metrics.saveMetrics(join(dir, "metrics_concurrency_1.json"));
    const saved = await readJson<MetricsDocument>(join(dir, "metrics_concurrency_1.json"));
    assert.deepEqual(saved, metrics.computeAllMetrics());
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("printReport() prints the block that users know, with intervals and queue wait", () => {
  const random = createRandom(1);
  const records = Array.from(
    { length: 4998 },
    (_, i) =>
      record({
        ttftMs: 189.45,
        ttftFromScheduledMs: 189.45,
        queueWaitTimeMs: random.float(),
        doneAt: i,
        outputTokens: 5,
      }),
  );
  let text = "";
  new MetricsCalculator([...records, failure, failure], { ttftMs: 2000, tpotMs: 200, e2eMs: null }, {
    concurrency: 1,
    durationMs: 20_300,
  }).printReport((t) => text += t);
  const lines = text.split("\n");
  assert.deepEqual(lines.slice(0, 17), [
    "=".repeat(80),
    "LOAD TEST RESULTS (Concurrency 1)",
    "=".repeat(80),
    "",
    "SUMMARY:",
    "  Total Requests:          5000",
    "  Successful:              4998",
    "  Success Rate:           99.96%",
    "  Total Duration:         20.30 seconds",
    "  Throughput:           1231.03 tokens/sec",
    "  SLO Compliance:         99.96%",
    "  SLO Violations:             2",
    "  Request Rate:          246.21 requests/sec",
    "  Goodput:               246.21 requests/sec",
    "  SLO Limits:        TTFT <= 2000 ms, TPOT <= 200 ms (MLPerf's for a 70B model)",
    "  Errors:            timeout 2",
    "",
  ]);
  const ttft = lines.indexOf("TTFT (Time-to-First-Token) in milliseconds:");
  assert.equal(lines[ttft + 1], "  P99:    189.45 ms [189.45, 189.45]");
  assert.equal(lines[ttft + 4], "  Mean:   189.45 ms (±0.00)");
  assert.ok(lines.some((l) => /^Queue Wait/.test(l)));
  assert.equal(lines.at(-1), "=".repeat(80));
});

Deno.test("printReport() says where there are too few requests for a bound, or none", () => {
  const text = (records: RequestRecord[]) => {
    let out = "";
    new MetricsCalculator(records, slo).printReport((t) => out += t);
    return out;
  };
  assert.match(text(Array(20).fill(record())), /P99: {4}100.00 ms >= 100.00 \(n too small\)/);
  assert.match(text([]), /TTFT.*\n {2}no request has one\n/);
  assert.match(text([]), /Throughput: +n\/a tokens/);
  assert.doesNotMatch(text([]) + text([record()]) + text([failure]), /NaN|undefined|null|Infinity/);
});

/** Twenty requests, one a second, each done 100 ms after it is due; those named by `slow` take 3 s. */
const paced = (slow: number[]) =>
  Array.from({ length: 20 }, (_, i) =>
    record({
      scheduledAt: 1000 * i,
      dispatchedAt: 1000 * i,
      doneAt: 1000 * i + 100,
      ttftFromScheduledMs: slow.includes(i) ? 3000 : 100,
      outputTokens: 10,
    }));

Deno.test("warm-up and cool-down windows are in no figure, and the duration is what lies between", () => {
  const records = [...paced([0, 1, 18]), { ...failure, scheduledAt: 500, dispatchedAt: 500 }];
  const options = { durationMs: 19_100, warmupMs: 2000, cooldownMs: 3000 };
  const { summary, ttft } = new MetricsCalculator(records, slo, options).computeAllMetrics();
  assert.deepEqual(summary.excluded_requests, { warmup: 3, cooldown: 4 }); // those before 2 s, from 16 s on
  assert.deepEqual([summary.total_requests, summary.failed_requests, ttft.count], [14, 0, 14]);
  assert.equal(summary.duration_sec, 14);
  assert.equal(summary.throughput_requests_per_sec, 1);
  assert.equal(summary.throughput_tokens_per_sec, 10);
  assert.equal(summary.slo_compliance, 1);
  let text = "";
  new MetricsCalculator(records, slo, options).printReport((t) => text += t);
  assert.match(text, /Windows: +3 requests at the beginning and 4 at the end, in no figure/);

  const warmup = new MetricsCalculator(paced([]), slo, { durationMs: 19_100, warmupMs: 2000 });
  assert.equal(warmup.computeAllMetrics().summary.duration_sec, 17.1);
  const whole = new MetricsCalculator(records, slo, { durationMs: 19_100 }).computeAllMetrics().summary;
  assert.deepEqual([whole.total_requests, whole.duration_sec, whole.slo_violations], [21, 19.1, 4]);
});

Deno.test("dropped and timed-out requests are SLO misses", () => {
  const missed = ["dropped", "timeout"].map((kind) => ({ ...failure, error: { kind, message: "" } }));
  const { summary } = new MetricsCalculator([record(), record(), ...missed], slo).computeAllMetrics();
  assert.equal(summary.slo_compliance, 0.5);
  assert.deepEqual(summary.errors, { dropped: 1, timeout: 1 });
  const none = { ttftMs: null, tpotMs: null, e2eMs: null };
  assert.equal(new MetricsCalculator(missed, none).computeAllMetrics().summary.slo_compliance, 0);
});

Deno.test("the schedule delay leaves out what maxInFlight held back; a client that is late is warned of", () => {
  const late = (ms: number, heldMs?: number) =>
    record({ scheduledAt: 1000, dispatchedAt: 1000 + ms, heldMs });
  const text = (records: RequestRecord[]) => {
    let out = "";
    new MetricsCalculator(records, slo).printReport((t) => out += t);
    return out;
  };
  const held = [late(500, 500), late(500, 498), late(2)];
  const { schedule_delay: delay } = new MetricsCalculator([...held, { ...failure, dispatchedAt: 4 }], slo)
    .computeAllMetrics();
  assert.deepEqual([delay.min, delay.p50, delay.max, delay.count], [0, 2, 4, 4]);
  assert.doesNotMatch(text(held), /WARNING/);
  assert.match(
    text([late(2), late(11), late(40)]),
    /WARNING: the client was the limit: it sent half of the requests more than 11.0 ms/,
  );
});
