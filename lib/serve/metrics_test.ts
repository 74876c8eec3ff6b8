import assert from "node:assert/strict";
import type { Generation } from "../types/mod.ts";
import { metricsText, ModelMetrics } from "./metrics.ts";

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Reads Prometheus's text format strictly: each sample stands under the HELP and TYPE of its family. */
function parse(text: string): { samples: Sample[]; types: Map<string, string> } {
  assert.ok(text.endsWith("\n"));
  const types = new Map<string, string>(), samples: Sample[] = [];
  let family = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") assert.ok(!types.has(name), `${name} comes twice`);
    if (kind === "TYPE") types.set(family = name, rest);
    if (kind !== undefined) continue;
    const match = /^([a-zA-Z_:][\w:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\S+)$/.exec(line);
    assert.ok(match, line);
    const suffix = types.get(family) === "histogram" ? /_(bucket|sum|count)$/ : /$^/;
    assert.equal(match[1].replace(suffix, ""), family);
    const labels = Object.fromEntries([...match[2].matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
    samples.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return { samples, types };
}

const answer: Generation = {
  text: "",
  tokenIds: [1, 2, 3, 0],
  finishReason: "stop",
  promptTokens: 7,
  outputTokens: 4,
  contentTokens: 3,
  truncatedTokens: 0,
  enqueuedAt: 1000,
  admittedAt: 1010,
  firstTokenAt: 1050,
  lastTokenAt: 1090,
  doneAt: 1400,
};

Deno.test("metricsText() gives each model's gauges, counters and histograms as Prometheus reads them", () => {
  const metrics = new ModelMetrics(), idle = new ModelMetrics();
  metrics.promptTokens = 7;
  metrics.outputTokens = 4;
  metrics.end(answer);
  metrics.end({ ...answer, finishReason: "length", doneAt: 6000 });
  metrics.end({ ...answer, finishReason: "abort", doneAt: 9_000_000 });
  const stats = {
    queued: 3,
    running: 2,
    slots: 8,
    context: 64,
    prefixQueriedTokens: 7,
    prefixCachedTokens: 5,
  };
  const { samples, types } = parse(metricsText([
    { id: "m/med", stats, metrics },
    { id: "m/cheap", stats: { ...stats, running: 0 }, metrics: idle },
  ]));
  const value = (name: string, labels: Record<string, string> = {}) => {
    const found = samples.filter((s) =>
      s.name === name &&
      Object.entries({ model_name: "m/med", ...labels }).every(([k, l]) => s.labels[k] === l)
    );
    assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}`);
    return found[0].value;
  };
  assert.equal(value("vllm:num_requests_running"), 2);
  assert.equal(value("vllm:num_requests_running", { model_name: "m/cheap" }), 0);
  assert.equal(value("vllm:num_requests_waiting"), 3);
  assert.equal(value("vllm:kv_cache_usage_perc"), 0.25);
  assert.deepEqual([value("slolab:kv_slots_used"), value("slolab:kv_slots")], [2, 8]);
  assert.equal(value("vllm:prompt_tokens_total"), 7);
  assert.equal(value("vllm:prefix_cache_queries_total"), 7);
  assert.equal(value("vllm:prefix_cache_hits_total"), 5);
  assert.equal(value("vllm:generation_tokens_total"), 4);
  for (const finished_reason of ["stop", "length", "abort"]) {
    assert.equal(value("vllm:request_success_total", { finished_reason }), 1);
  }
  const ttft = "vllm:time_to_first_token_seconds", e2e = "vllm:e2e_request_latency_seconds";
  const tpot = "vllm:request_time_per_output_token_seconds";
  assert.deepEqual([types.get(ttft), types.get("vllm:prompt_tokens_total")], ["histogram", "counter"]);
  assert.equal(value(`${ttft}_count`), 2);
  assert.ok(Math.abs(value(`${ttft}_sum`) - 0.1) < 1e-9);
  assert.deepEqual(["0.04", "0.06", "+Inf"].map((le) => value(`${ttft}_bucket`, { le })), [0, 2, 2]);
  assert.ok(Math.abs(value(`${tpot}_sum`) - 0.04) < 1e-9);
  assert.deepEqual(["0.3", "0.5", "2.5", "5"].map((le) => value(`${e2e}_bucket`, { le })), [0, 1, 1, 2]);
  assert.ok(Math.abs(value(`${e2e}_sum`) - 5.4) < 1e-9);
  assert.equal(value(`${e2e}_count`, { model_name: "m/cheap" }), 0);
  assert.ok(Math.abs(metrics.meanSeconds - 2.7) < 1e-9);
  assert.equal(idle.meanSeconds, 0);
});

Deno.test("ModelMetrics has no time per output token of an answer with one", () => {
  const metrics = new ModelMetrics();
  metrics.end({ ...answer, contentTokens: 1 });
  const stats = {
    queued: 0,
    running: 0,
    slots: 1,
    context: 64,
    prefixQueriedTokens: 0,
    prefixCachedTokens: 0,
  };
  assert.match(
    metricsText([{ id: "m", stats, metrics }]),
    /vllm:request_time_per_output_token_seconds_count\{model_name="m"\} 0\n/,
  );
});
