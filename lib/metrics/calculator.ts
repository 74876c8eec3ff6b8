/**
 * From the records of a load level to its metrics.
 *
 * ```ts
 * const metrics = new MetricsCalculator(records, slo, { concurrency: 8, ...load.summary });
 * metrics.printReport();
 * await metrics.saveMetrics("metrics_concurrency_8.json");
 * ```
 */
import { writeJson } from "../std/files.ts";
import { wilson } from "../math/mod.ts";
import type { LevelSummary } from "../load/mod.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import { Column, describe } from "./distribution.ts";
import type { MetricsDocument, MetricsSummary } from "./document.ts";
import { DEFAULT_SLO, missesOf } from "./slo.ts";
import { metricsText } from "./text.ts";

export interface MetricsOptions extends Partial<LevelSummary> {
  concurrency?: number;
  /** Where the questions came from (`hub`, `sample`). */
  dataSource?: string;
}

export class MetricsCalculator {
  readonly #records: Iterable<RequestRecord>;
  readonly #slo: Slo;
  readonly #options: MetricsOptions;
  #document: MetricsDocument | null = null;

  /**
   * @param records may be iterated more than once; a million of them need not be in memory
   * @param options how the level ran; without a duration it lasts from the first record to the last
   */
  constructor(
    records: Iterable<RequestRecord>,
    slo: Slo = DEFAULT_SLO,
    options: MetricsOptions = {},
  ) {
    this.#records = records;
    this.#slo = slo;
    this.#options = options;
  }

  /** Gives the metrics document. */
  computeAllMetrics(): MetricsDocument {
    return this.#document ??= this.#compute();
  }

  /** Prints the block of results of the level. */
  printReport(print: (text: string) => void = console.log): void {
    print(metricsText(this.computeAllMetrics()));
  }

  /** Writes the metrics document as JSON. */
  saveMetrics(path: string): Promise<void> {
    return writeJson(path, this.computeAllMetrics());
  }

  /** One pass over the records; of each metric, the values of the successful requests that have it. */
  #compute(): MetricsDocument {
    const ttft = new Column(), ttftFromScheduled = new Column(), tpot = new Column();
    const e2e = new Column(), queueWait = new Column(), scheduleDelay = new Column();
    const slo = this.#slo;
    const violations = { ttft: 0, tpot: 0, e2e: 0, error: 0 };
    const errors: Record<string, number> = {};
    let total = 0, met = 0, failed = 0, inputTokens = 0, outputTokens = 0;
    let withoutTpot = 0, truncated = 0, repeated = 0, firstAt = Infinity, lastAt = -Infinity;
    const excluded = { warmup: 0, cooldown: 0 };
    const [fromMs, toMs] = this.#window();
    for (const r of this.#records) {
      if (r.scheduledAt < fromMs) {
        excluded.warmup++;
        continue;
      }
      if (r.scheduledAt >= toMs) {
        excluded.cooldown++;
        continue;
      }
      total++;
      scheduleDelay.add(r.dispatchedAt - r.scheduledAt - (r.heldMs ?? 0));
      firstAt = Math.min(firstAt, r.scheduledAt);
      lastAt = Math.max(lastAt, r.doneAt);
      if (r.truncatedTokens > 0) truncated++;
      if (r.repeat > 0) repeated++;
      if (r.error !== null) {
        failed++;
        violations.error++;
        errors[r.error.kind] = (errors[r.error.kind] ?? 0) + 1;
        continue;
      }
      ttft.add(r.ttftMs);
      ttftFromScheduled.add(r.ttftFromScheduledMs);
      tpot.add(r.tpotMs);
      e2e.add(r.e2eLatencyMs);
      queueWait.add(r.queueWaitTimeMs);
      inputTokens += r.inputTokens;
      outputTokens += r.outputTokens;
      if (r.tpotMs === null) withoutTpot++;
      const misses = missesOf(r, slo);
      if (misses.ttft) violations.ttft++;
      if (misses.tpot) violations.tpot++;
      if (misses.e2e) violations.e2e++;
      if (!misses.ttft && !misses.tpot && !misses.e2e) met++;
    }
    const { durationMs: levelMs } = this.#options;
    const beginsAt = Math.max(fromMs, levelMs === undefined ? firstAt : 0);
    const durationMs = levelMs === undefined && total === 0
      ? null
      : Math.max(0, Math.min(toMs, levelMs ?? lastAt) - beginsAt);
    const seconds = durationMs === null ? null : durationMs / 1000;
    const rate = (count: number) => seconds !== null && seconds > 0 ? count / seconds : null;
    const share = (count: number) => total > 0 ? count / total : null;
    const summary: MetricsSummary = {
      concurrency: this.#options.concurrency ?? null,
      data_source: this.#options.dataSource ?? null,
      total_requests: total,
      successful_requests: total - failed,
      failed_requests: failed,
      success_rate: share(total - failed),
      duration_sec: seconds,
      throughput_requests_per_sec: rate(total - failed),
      throughput_tokens_per_sec: rate(outputTokens),
      total_input_tokens: inputTokens,
      total_output_tokens: outputTokens,
      slo: { ttft_ms: slo.ttftMs, tpot_ms: slo.tpotMs, e2e_ms: slo.e2eMs },
      slo_compliance: share(met),
      slo_compliance_ci: wilson(met, total) ?? [null, null],
      slo_violations: total - met,
      slo_violations_by: violations,
      goodput_requests_per_sec: rate(met),
      errors,
      requests_without_tpot: withoutTpot,
      truncated_prompts: truncated,
      repeated_requests: repeated,
      warmup_requests: this.#options.warmupRequests ?? 0,
      excluded_requests: excluded,
      resumed: this.#options.resumed ?? false,
      segments: (this.#options.segments ?? []).map((s) => ({ from_ms: s.fromMs, started_at: s.startedAt })),
    };
    return {
      summary,
      ttft: describe(ttft.values()),
      ttft_from_scheduled: describe(ttftFromScheduled.values()),
      tpot: describe(tpot.values()),
      e2e_latency: describe(e2e.values()),
      queue_wait: describe(queueWait.values()),
      schedule_delay: describe(scheduleDelay.values()),
    };
  }

  /** The instants between which requests are scheduled that count. */
  #window(): [fromMs: number, toMs: number] {
    const { warmupMs = 0, cooldownMs = 0 } = this.#options;
    if (cooldownMs === 0) return [warmupMs === 0 ? -Infinity : warmupMs, Infinity];
    let last = -Infinity;
    for (const r of this.#records) last = Math.max(last, r.scheduledAt);
    return [warmupMs === 0 ? -Infinity : warmupMs, last - cooldownMs];
  }
}
