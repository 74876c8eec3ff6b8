/**
 * A level as the result file of `vllm bench serve --save-detailed`, with vLLM's definitions where they differ:
 *
 * - latencies are timed from the sending, also those of an open loop (here: from the planned sending);
 * - an answer that the model ended lasts until the chunk that says so, which comes with the end token (here: until the
 *   last content token), and TPOT divides by all output tokens less one (here: by the content tokens less one); an
 *   output of one token has TPOT 0 in the goodput and none in `*_tpot_ms`;
 * - `std_*` divides by n (here: by n - 1), and `request_goodput` judges the TTFT from the sending;
 * - in a closed loop every request waits from the beginning: `queue_times` are those waits.
 *
 * What a run did not keep is null, where vLLM would have 0: all of `itl` without the gaps between tokens.
 * @see vllm 0.32.0, `vllm/benchmarks/serve.py`: `calculate_metrics`, `benchmark`, `main_async`
 */
import type { LoadSettings } from "../../load/mod.ts";
import { mean, quantileSorted, sorted } from "../../math/mod.ts";
import type { RequestRecord, Slo } from "../../types/mod.ts";
import { PERCENTILES } from "../document.ts";

/** What an export takes of a level. */
export interface ExportedLevel {
  records: readonly RequestRecord[];
  durationMs: number;
  /** Null where none are known: there is no goodput then. */
  slo: Slo | null;
  load: LoadSettings | null;
  /** The model as clients name it. */
  modelId: string;
  /** What answered: `slolab` for the engine in this process, `openai-chat` for an endpoint. */
  backend: string;
  startedAt: Date;
}

type Figure = number | null;
type Metric = "ttft" | "tpot" | "itl" | "e2el";

/** The file's keys, in its order. Arrays hold one value a request, in seconds; summaries are in ms. */
export type VllmResult = {
  /** `YYYYMMDD-HHMMSS`, here in UTC. */
  date: string;
  endpoint_type: string;
  backend: string;
  label: string | null;
  model_id: string;
  tokenizer_id: string;
  num_prompts: number;
  /** Requests a second, `inf` where nothing but the concurrency holds them back. */
  request_rate: number | "inf";
  /** Shape of the gamma distribution of the gaps; null for arrivals that vLLM has not. */
  burstiness: number | null;
  max_concurrency: number | null;
  duration: number;
  completed: number;
  failed: number;
  total_input_tokens: number;
  total_output_tokens: number;
  request_throughput: Figure;
  request_goodput: Figure;
  output_throughput: Figure;
  total_token_throughput: Figure;
  input_lens: number[];
  output_lens: number[];
  ttfts: number[];
  itls: number[][];
  latencies: number[];
  start_times: number[];
  queue_times: number[];
  generated_texts: string[];
  errors: string[];
  max_output_tokens_per_s: Figure;
  max_concurrent_requests: number;
  rtfx: number;
} & Record<`${"mean" | "median" | "std" | `p${number}`}_${Metric}_ms`, Figure>;

/** Makes the file's document. */
export function vllmResult(level: ExportedLevel): VllmResult {
  const { records, load, slo } = level;
  const isClosed = load?.pattern === "closed_loop";
  const outputs = records.map((r) => outputOf(r, isClosed));
  const completed = outputs.filter((o) => o.error === "");
  const seconds = level.durationMs / 1000;
  const rate = (count: number) => seconds > 0 ? count / seconds : null;
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const inputTokens = sum(completed.map((o) => o.inputTokens));
  const outputTokens = sum(completed.map((o) => o.outputTokens));
  const hasGaps = completed.some((o) => o.itl !== null);
  const limits = slo === null ? [] : [slo.ttftMs, slo.tpotMs, slo.e2eMs].filter((limit) => limit !== null);
  return {
    date: level.startedAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-"),
    endpoint_type: level.backend,
    backend: level.backend,
    label: null,
    model_id: level.modelId,
    tokenizer_id: level.modelId,
    num_prompts: records.length,
    request_rate: isClosed ? "inf" : rateOf(level),
    burstiness: burstinessOf(load),
    max_concurrency: numberOf(isClosed ? load.concurrency : load?.max_in_flight),
    duration: seconds,
    completed: completed.length,
    failed: outputs.length - completed.length,
    total_input_tokens: inputTokens,
    total_output_tokens: outputTokens,
    request_throughput: rate(completed.length),
    request_goodput: limits.length === 0 ? null : rate(completed.filter((o) => isGood(o, slo!)).length),
    output_throughput: rate(outputTokens),
    total_token_throughput: rate(inputTokens + outputTokens),
    input_lens: outputs.map((o) => o.inputTokens),
    output_lens: outputs.map((o) => o.error === "" ? o.outputTokens : 0),
    ttfts: outputs.map((o) => o.ttft),
    itls: outputs.map((o) => o.itl ?? []),
    latencies: outputs.map((o) => o.latency),
    start_times: outputs.map((o) => o.startTime),
    queue_times: outputs.map((o) => o.queueTime),
    generated_texts: outputs.map((o) => o.text),
    errors: outputs.map((o) => o.error),
    max_output_tokens_per_s: hasGaps ? peakTokensPerSecond(completed) : null,
    max_concurrent_requests: peakRequestsPerSecond(completed),
    rtfx: 0,
    ...summary("ttft", completed.map((o) => o.ttft)),
    ...summary("tpot", completed.flatMap((o) => o.tpot ?? [])),
    ...summary("itl", completed.flatMap((o) => o.itl ?? [])),
    ...summary("e2el", completed.map((o) => o.latency)),
  } as VllmResult;
}

/** vLLM's `RequestFuncOutput`, in seconds on the level's clock. */
interface Output {
  error: string;
  inputTokens: number;
  outputTokens: number;
  startTime: number;
  queueTime: number;
  ttft: number;
  latency: number;
  tpot: number | null;
  itl: number[] | null;
  text: string;
}

function outputOf(r: RequestRecord, isClosed: boolean): Output {
  const failed = r.error !== null;
  const seconds = (from: number, to: number | null) => failed || to === null ? 0 : (to - from) / 1000;
  const latency = seconds(r.dispatchedAt, r.finishReason === "stop" ? r.doneAt : r.lastTokenAt ?? r.doneAt);
  // An answer without content has its first chunk with its last one.
  const ttft = seconds(r.dispatchedAt, r.firstTokenAt ?? r.doneAt);
  return {
    error: r.error === null ? "" : `${r.error.kind}: ${r.error.message}`,
    inputTokens: r.inputTokens,
    outputTokens: r.outputTokens,
    startTime: r.dispatchedAt / 1000,
    queueTime: (r.dispatchedAt - (isClosed ? 0 : r.scheduledAt)) / 1000,
    ttft,
    latency,
    tpot: r.outputTokens > 1 ? (latency - ttft) / (r.outputTokens - 1) : null,
    itl: failed ? null : r.itlsMs?.map((ms) => ms / 1000) ?? null,
    text: r.text,
  };
}

const isGood = (o: Output, slo: Slo) =>
  o.ttft <= (slo.ttftMs ?? Infinity) / 1000 && (o.tpot ?? 0) <= (slo.tpotMs ?? Infinity) / 1000 &&
  o.latency <= (slo.e2eMs ?? Infinity) / 1000;

function summary(metric: Metric, seconds: number[]): Record<string, Figure> {
  const ascending = sorted(seconds);
  const ms = (value: number | null) => value === null ? null : 1000 * value;
  const average = mean(ascending);
  const squares = ascending.reduce((total, value) => total + (value - average!) ** 2, 0);
  return {
    [`mean_${metric}_ms`]: ms(average),
    [`median_${metric}_ms`]: ms(quantileSorted(ascending, 0.5)),
    [`std_${metric}_ms`]: ms(average === null ? null : Math.sqrt(squares / ascending.length)),
    ...Object.fromEntries(
      PERCENTILES.map((p) => [`p${p}_${metric}_ms`, ms(quantileSorted(ascending, p / 100))]),
    ),
  };
}

/** The planned rate, where the pattern has one; else the mean of the planned instants. */
function rateOf({ records, load }: ExportedLevel): number | "inf" {
  const planned = numberOf(load?.rate);
  if (planned !== null) return planned;
  const span = (records.at(-1)?.scheduledAt ?? 0) - (records[0]?.scheduledAt ?? 0);
  return span > 0 ? 1000 * (records.length - 1) / span : "inf";
}

function burstinessOf(load: LoadSettings | null): number | null {
  if (load?.pattern === "gamma") return numberOf(load.shape);
  return load?.pattern === "poisson" || load?.pattern === "closed_loop" ? 1 : null;
}

const numberOf = (value: unknown) => typeof value === "number" ? value : null;

/** Most tokens that arrived within a second of the level, counted from its first sending. */
function peakTokensPerSecond(outputs: Output[]): number {
  const from = firstStart(outputs);
  return peak(outputs.flatMap(({ startTime, ttft, itl }) => {
    let at = startTime + ttft;
    return [at, ...(itl ?? []).map((gap) => at += gap)].map((instant) => Math.trunc(instant - from));
  }));
}

/** Most requests that any second of the level saw, be it for a part of it. */
function peakRequestsPerSecond(outputs: Output[]): number {
  const from = firstStart(outputs);
  return peak(outputs.flatMap(({ startTime, latency }) => {
    const first = Math.trunc(startTime - from), last = Math.trunc(startTime + latency - from);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  }));
}

const firstStart = (outputs: Output[]) =>
  outputs.reduce((first, o) => Math.min(first, o.startTime), Infinity);

/** How often the most frequent value comes; 0 for none. */
function peak(seconds: number[]): number {
  const counts = new Map<number, number>();
  for (const second of seconds) counts.set(second, (counts.get(second) ?? 0) + 1);
  return counts.values().reduce((a, b) => Math.max(a, b), 0);
}
