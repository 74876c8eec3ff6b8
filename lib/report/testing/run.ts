/** For tests alone: a run folder with made-up requests, in the shape that the baseline leaves. */
import { join } from "node:path";
import { createRandom, wilson } from "../../math/mod.ts";
import { MetricsCalculator, summarizeLevel } from "../../metrics/mod.ts";
import { writeJson, writeJsonl } from "../../std/files.ts";
import { type RequestRecord, toRecord } from "../../types/mod.ts";

export interface TestRun {
  concurrencies?: number[];
  requests?: number;
  dataSource?: string;
  seed?: number;
  /** Times on every latency (default 1). */
  factor?: number;
}

/** Writes a run whose latency grows with the concurrency, and of whose requests one in 50 fails. */
export async function writeTestRun(dir: string, options: TestRun = {}): Promise<void> {
  const { concurrencies = [1, 4, 8], requests = 400, dataSource = "hub", seed = 7, factor = 1 } = options;
  const random = createRandom(seed);
  const rows = [];
  for (const concurrency of concurrencies) {
    const records = Array.from({ length: requests }, (_, i): RequestRecord => {
      const at = i * 300 / concurrency;
      const wait = 2 * concurrency * random.float() * factor;
      const ttft = wait + (60 + 90 * concurrency * (1 - Math.log(1 - random.float()))) * factor;
      const tokens = 1 + random.int(40);
      const tpot = (12 + concurrency * (2 + random.float())) * factor;
      const failed = concurrency > 1 && i % 50 === 49;
      const end = at + ttft + tpot * (tokens - 1);
      const known = <T>(value: T) => failed ? null : value;
      return {
        requestId: `c${concurrency}-${i}`,
        exampleId: `mmlu/test/${i}`,
        dataset: "mmlu",
        repeat: 0,
        scheduledAt: at,
        dispatchedAt: at,
        admittedAt: known(at + wait),
        firstTokenAt: known(at + ttft),
        lastTokenAt: known(end),
        doneAt: end,
        queueWaitTimeMs: known(wait),
        inferenceTimeMs: known(end - at - wait),
        e2eLatencyMs: known(end - at),
        ttftMs: known(ttft),
        ttftFromScheduledMs: known(ttft),
        tpotMs: failed || tokens < 2 ? null : tpot,
        inputTokens: 100,
        outputTokens: failed ? 0 : tokens + 1,
        contentTokens: failed ? 0 : tokens,
        truncatedTokens: 0,
        finishReason: known("stop"),
        text: "",
        error: failed ? { kind: "timeout", message: "no whole answer within 9000 ms" } : null,
      };
    });
    const metrics = new MetricsCalculator(records, undefined, { concurrency, dataSource, warmupRequests: 4 });
    await metrics.saveMetrics(join(dir, `metrics_concurrency_${concurrency}.json`));
    await writeJsonl(join(dir, `requests_concurrency_${concurrency}.jsonl`), records.map(toRecord));
    rows.push(summarizeLevel(concurrency, metrics.computeAllMetrics()));
  }
  const row = (correct: number, total: number) => ({
    accuracy: correct / total,
    em: correct / total,
    correct_count: correct,
    total_count: total,
    wilson_95: wilson(correct, total),
  });
  const evaluation = {
    mmlu: {
      ...row(41, 120),
      unparsable_rate: 0.05,
      truncated_rate: 0,
      by_category: {
        STEM: row(10, 30),
        humanities: row(13, 40),
        "social sciences": row(9, 25),
        other: row(9, 25),
      },
      by_difficulty: { hard: row(12, 45), easy: row(15, 35), medium: row(14, 40) },
      by_subject: { anatomy: row(3, 9), virology: row(2, 4) },
    },
    gsm8k: {
      ...row(2, 60),
      unparsable_rate: 0.1,
      truncated_rate: 0.2,
      by_difficulty: { easy: row(2, 20), medium: row(0, 25), hard: row(0, 15) },
    },
    overall: row(43, 180),
  };
  await writeJson(join(dir, "eval_results.json"), evaluation);
  await writeJson(join(dir, "summary.json"), {
    load_test_summary: rows,
    eval_results: evaluation,
    data_source: dataSource,
  });
  await writeJson(join(dir, "run.json"), {
    status: "complete",
    command: "deno task baseline --concurrencies 1 4 8 --num-requests 400",
    started_at: ["2026-01-01T00:00:00.000Z"],
    model: { name: "smollm2-135m-instruct", sha256: "a".repeat(64) },
    variant: "med",
    device: "cpu",
    machine: { os: "linux", arch: "x86_64", cpu: "A <Processor> & Co", cores: 2, memory_gb: 8 },
  });
}
