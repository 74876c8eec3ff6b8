/**
 * What a server did, in Prometheus's text format: vLLM's names where it has one, `slolab:` where it has none.
 *
 * @see https://docs.vllm.ai/en/latest/usage/metrics.html
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import type { EngineStats } from "../engine/engine.ts";
import type { FinishReason, Generation } from "../types/mod.ts";

/** Bounds of the buckets, those of vLLM. */
// deno-fmt-ignore
const TTFT_SECONDS = [
  .001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const TPOT_SECONDS = [.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
// deno-fmt-ignore
const REQUEST_SECONDS = [
  .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];
const TOKENS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

interface HistogramSpec {
  help: string;
  bounds: readonly number[];
  /** What an answer adds; null: nothing. */
  of: (answer: Generation) => number | null;
}

/** Of answers that came to their end. */
const HISTOGRAMS: Record<string, HistogramSpec> = {
  "vllm:time_to_first_token_seconds": {
    help: "From a request's arrival to its first token",
    bounds: TTFT_SECONDS,
    of: ({ enqueuedAt, firstTokenAt }) => firstTokenAt === null ? null : (firstTokenAt - enqueuedAt) / 1000,
  },
  "vllm:request_time_per_output_token_seconds": {
    help: "Mean time between the output tokens of a request",
    bounds: TPOT_SECONDS,
    of: ({ contentTokens, firstTokenAt, lastTokenAt }) =>
      contentTokens < 2 ? null : (lastTokenAt! - firstTokenAt!) / 1000 / (contentTokens - 1),
  },
  "vllm:e2e_request_latency_seconds": {
    help: "From a request's arrival to its end",
    bounds: REQUEST_SECONDS,
    of: ({ enqueuedAt, doneAt }) => (doneAt - enqueuedAt) / 1000,
  },
  "vllm:request_queue_time_seconds": {
    help: "From a request's arrival to its KV slot",
    bounds: REQUEST_SECONDS,
    of: ({ enqueuedAt, admittedAt }) => admittedAt === null ? null : (admittedAt - enqueuedAt) / 1000,
  },
  "vllm:request_prompt_tokens": {
    help: "Prompt tokens of a request",
    bounds: TOKENS,
    of: ({ promptTokens }) => promptTokens,
  },
  "vllm:request_generation_tokens": {
    help: "Output tokens of a request",
    bounds: TOKENS,
    of: ({ outputTokens }) => outputTokens,
  },
};

class Histogram {
  count = 0;
  sum = 0;
  readonly #bounds: readonly number[];
  readonly #counts: number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.count++;
    this.sum += value;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at]++;
  }

  lines(name: string, labels: string): string[] {
    let below = 0;
    return [
      ...this.#bounds.map((le, i) => `${name}_bucket{${labels},le="${le}"} ${below += this.#counts[i]}`),
      `${name}_bucket{${labels},le="+Inf"} ${this.count}`,
      `${name}_sum{${labels}} ${this.sum}`,
      `${name}_count{${labels}} ${this.count}`,
    ];
  }
}

/** The counts of one model. */
export class ModelMetrics {
  promptTokens = 0;
  outputTokens = 0;
  refused = 0;
  readonly finished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0 };
  readonly histograms = Object.entries(HISTOGRAMS).map(([name, { bounds, of }]) => ({
    name,
    of,
    histogram: new Histogram(bounds),
  }));

  /** Counts an ended answer; the latencies of an aborted one say nothing. */
  end(answer: Generation): void {
    this.finished[answer.finishReason]++;
    if (answer.finishReason === "abort") return;
    for (const { of, histogram } of this.histograms) {
      const value = of(answer);
      if (value !== null) histogram.observe(value);
    }
  }

  /** Mean time of an answer in seconds, 0 before the first. */
  get meanSeconds(): number {
    const { histogram } = this.histograms.find((h) => h.name === "vllm:e2e_request_latency_seconds")!;
    return histogram.count === 0 ? 0 : histogram.sum / histogram.count;
  }
}

interface SampleSpec {
  type: "gauge" | "counter";
  help: string;
  of: (stats: EngineStats, metrics: ModelMetrics) => number | Record<string, number>;
}

/** A record's keys are values of the label `finished_reason`. */
const SAMPLES: Record<string, SampleSpec> = {
  "vllm:num_requests_running": { type: "gauge", help: "Requests in a KV slot", of: (s) => s.running },
  "vllm:num_requests_waiting": { type: "gauge", help: "Requests in the queue", of: (s) => s.queued },
  "vllm:kv_cache_usage_perc": {
    type: "gauge",
    help: "Share of the KV slots in use, 1 is all",
    of: (s) => s.running / s.slots,
  },
  "slolab:kv_slots_used": { type: "gauge", help: "KV slots in use", of: (s) => s.running },
  "slolab:kv_slots": { type: "gauge", help: "KV slots", of: (s) => s.slots },
  "vllm:prompt_tokens_total": { type: "counter", help: "Prompt tokens", of: (_, m) => m.promptTokens },
  "vllm:generation_tokens_total": { type: "counter", help: "Output tokens", of: (_, m) => m.outputTokens },
  "vllm:prefix_cache_queries_total": {
    type: "counter",
    help: "Prompt tokens looked up in the KV of earlier prompts",
    of: (s) => s.prefixQueriedTokens,
  },
  "vllm:prefix_cache_hits_total": {
    type: "counter",
    help: "Prompt tokens found there",
    of: (s) => s.prefixCachedTokens,
  },
  "vllm:request_success_total": { type: "counter", help: "Ended requests", of: (_, m) => m.finished },
  "slolab:requests_refused_total": {
    type: "counter",
    help: "Requests refused as the queue was full",
    of: (_, m) => m.refused,
  },
};

/** All models' metrics as Prometheus reads them. */
export function metricsText(
  models: readonly { id: string; stats: EngineStats; metrics: ModelMetrics }[],
): string {
  const lines: string[] = [];
  const family = (name: string, type: string, help: string) =>
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  const labelled = models.map((model) => ({ ...model, labels: `model_name=${JSON.stringify(model.id)}` }));
  for (const [name, { type, help, of }] of Object.entries(SAMPLES)) {
    family(name, type, help);
    for (const { labels, stats, metrics } of labelled) {
      const value = of(stats, metrics);
      if (typeof value === "number") lines.push(`${name}{${labels}} ${value}`);
      else {
        for (const [reason, count] of Object.entries(value)) {
          lines.push(`${name}{${labels},finished_reason="${reason}"} ${count}`);
        }
      }
    }
  }
  for (const [at, [name, { help }]] of Object.entries(HISTOGRAMS).entries()) {
    family(name, "histogram", help);
    for (const { labels, metrics } of labelled) {
      lines.push(...metrics.histograms[at].histogram.lines(name, labels));
    }
  }
  return lines.join("\n") + "\n";
}
