import assert from "node:assert/strict";
import { join } from "node:path";
import { readJson } from "../../std/files.ts";
import { requestRecord } from "../testing/record.ts";
import { type ExportedLevel, vllmResult } from "./vllm.ts";

/** What `fixtures/make_vllm_golden.py` wrote. */
interface Golden {
  slo: { ttft: number; tpot: number; e2el: number };
  duration: number;
  outputs: {
    start_time: number;
    ttft: number;
    itl: number[];
    latency: number;
    output_tokens: number;
    prompt_len: number;
    success: boolean;
  }[];
  expected: Record<string, number | number[]>;
}

const level = (change: Partial<ExportedLevel>): ExportedLevel => ({
  records: [],
  durationMs: 1000,
  slo: null,
  load: null,
  modelId: "m",
  backend: "slolab",
  startedAt: new Date("2026-01-02T03:04:05Z"),
  ...change,
});

Deno.test("vllmResult() computes what vLLM's own code does", async () => {
  const { slo, duration, outputs, expected } = await readJson<Golden>(
    join(import.meta.dirname!, "fixtures", "vllm_golden.json"),
  );
  const records = outputs.map((o) => {
    const at = 1000 * o.start_time, end = at + 1000 * o.latency;
    return requestRecord({
      scheduledAt: at - 5,
      dispatchedAt: at,
      firstTokenAt: o.success ? at + 1000 * o.ttft : null,
      lastTokenAt: o.success ? end : null,
      doneAt: end + 3,
      itlsMs: o.itl.map((s) => 1000 * s),
      inputTokens: o.prompt_len,
      outputTokens: o.output_tokens,
      contentTokens: o.output_tokens,
      finishReason: "length",
      error: o.success ? null : { kind: "timeout", message: "late" },
    });
  });
  const result = vllmResult(level({
    records,
    durationMs: 1000 * duration,
    slo: { ttftMs: slo.ttft, tpotMs: slo.tpot, e2eMs: slo.e2el },
  }));
  for (const [key, value] of Object.entries(expected)) {
    const ours = result[key as keyof typeof result];
    if (typeof value !== "number") assert.deepEqual(ours, value, key);
    else {assert.ok(
        Math.abs(ours as number - value) <= 1e-9 * Math.abs(value),
        `${key}: ${ours}, not ${value}`,
      );}
  }
  const close = (ours: number[], theirs: number[]) =>
    ours.forEach((value, i) => assert.ok(Math.abs(value - theirs[i]) < 1e-9));
  close(result.ttfts, outputs.map((o) => o.ttft));
  close(result.latencies, outputs.map((o) => o.latency));
  close(result.start_times, outputs.map((o) => o.start_time));
  close(result.itls.flat(), outputs.flatMap((o) => o.itl));
  assert.deepEqual(result.errors.filter((e) => e !== ""), Array(3).fill("timeout: late"));
});

Deno.test("vllmResult() has the keys of vLLM's file, in its order", () => {
  const keys = Object.keys(vllmResult(level({ records: [requestRecord()] })));
  assert.deepEqual(
    keys.slice(0, 33).join(" "),
    "date endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness max_concurrency " +
      "duration completed failed total_input_tokens total_output_tokens request_throughput request_goodput " +
      "output_throughput total_token_throughput input_lens output_lens ttfts itls latencies start_times queue_times " +
      "generated_texts errors max_output_tokens_per_s max_concurrent_requests rtfx mean_ttft_ms median_ttft_ms",
  );
  const statistics = ["mean", "median", "std", "p50", "p75", "p90", "p95", "p99"];
  assert.deepEqual(
    keys.slice(31),
    ["ttft", "tpot", "itl", "e2el"].flatMap((metric) => statistics.map((s) => `${s}_${metric}_ms`)),
  );
});

Deno.test("vllmResult() names the traffic as vLLM does", () => {
  const records = [requestRecord(), requestRecord({ scheduledAt: 500, dispatchedAt: 520, doneAt: 900 })];
  const traffic = (load: ExportedLevel["load"]) => {
    const { request_rate, burstiness, max_concurrency, queue_times } = vllmResult(level({ records, load }));
    return [request_rate, burstiness, max_concurrency, queue_times[1]];
  };
  assert.deepEqual(traffic({ pattern: "closed_loop", concurrency: 8 }), ["inf", 1, 8, 0.52]);
  assert.deepEqual(traffic({ pattern: "poisson", rate: 3, max_in_flight: null }), [3, 1, null, 0.02]);
  assert.deepEqual(traffic({ pattern: "gamma", rate: 3, shape: 0.5, max_in_flight: 4 }), [3, 0.5, 4, 0.02]);
  assert.deepEqual(traffic({ pattern: "replay" }), [2, null, null, 0.02]);
  assert.equal(vllmResult(level({ records })).date, "20260102-030405");
});

Deno.test("vllmResult() counts the end token, and the time until it", () => {
  const of = (finishReason: "stop" | "length") => {
    const r = vllmResult(level({ records: [requestRecord({ finishReason, doneAt: 212 })] }));
    return [1000 * r.latencies[0], 11 * r.mean_tpot_ms!].map(Math.round);
  };
  assert.deepEqual(of("stop"), [212, 112]);
  assert.deepEqual(of("length"), [200, 100]);
});

Deno.test("vllmResult() gives null, not 0, for what the run did not keep", () => {
  const result = vllmResult(level({ records: [requestRecord({ outputTokens: 1, contentTokens: 1 })] }));
  assert.deepEqual(
    [
      result.itls,
      result.mean_itl_ms,
      result.max_output_tokens_per_s,
      result.mean_tpot_ms,
      result.request_goodput,
    ],
    [[[]], null, null, null, null],
  );
  const nothing = vllmResult(
    level({ records: [requestRecord({ error: { kind: "timeout", message: "" } })] }),
  );
  assert.deepEqual([nothing.p99_ttft_ms, nothing.completed, nothing.failed], [null, 0, 1]);
});
