/**
 * `deno task bench metrics`: how long the metrics of a level with their intervals take, and in how much memory.
 *
 * The records are made as they are read, so that the memory is that of the metrics; making them is timed alone and
 * taken off. CPU time counts all threads of the process, and holds still on a busy machine.
 */
import process from "node:process";
import { createRandom, median } from "slolab/math/mod.ts";
import { MetricsCalculator } from "slolab/metrics/mod.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import type { Command, Flags } from "slolab/std/cli.ts";
import type { RequestRecord } from "slolab/types/mod.ts";

const flags = {
  records: { type: "integer", default: 1_000_000, min: 1, help: "requests of the level" },
  rounds: { type: "integer", default: 5, min: 1, help: "rounds; medians are printed" },
} satisfies Flags;

export const metricsBenchmark: Command<typeof flags> = {
  name: "bench metrics",
  summary: "Measures how long the metrics of a level take, and in how much memory; prints one JSON line.",
  flags,
  examples: ["", "--records 100000 --rounds 9"],
  async run({ records: count, rounds }) {
    const records = { [Symbol.iterator]: () => madeRecords(count) };
    const made: Time[] = [], computed: Time[] = [];
    for (let round = 0; round < rounds; round++) {
      made.push(timeOf(() => {
        let tokens = 0;
        for (const record of records) tokens += record.outputTokens;
        if (tokens < count) throw new Error("a record without a token was made");
      }));
      computed.push(timeOf(() => new MetricsCalculator(records).computeAllMetrics()));
    }
    const rounded = (seconds: number) => Number(seconds.toFixed(3));
    const taken = (clock: keyof Time) =>
      rounded(median(computed.map((time, i) => time[clock] - made[i][clock]))!);
    console.log(JSON.stringify({
      records: count,
      rounds,
      metrics_seconds: taken("wall"),
      metrics_cpu_seconds: taken("cpu"),
      making_seconds: rounded(median(made.map((time) => time.wall))!),
      peak_rss_mb: Math.round(await peakRssBytes() / 1e6),
      machine: describeMachine(),
    }));
  },
};

/** In seconds. */
interface Time {
  wall: number;
  cpu: number;
}

function timeOf(act: () => void): Time {
  const before = process.cpuUsage(), from = performance.now();
  act();
  const wall = (performance.now() - from) / 1000, { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1e6 };
}

/** Of this process, Deno's own included; where the system does not tell the peak, what is in use now. */
async function peakRssBytes(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return peak ? 1024 * Number(peak[1]) : Deno.memoryUsage().rss;
}

/** Records whose latencies are all different; one in 50 failed. */
function* madeRecords(count: number): Generator<RequestRecord> {
  const random = createRandom(1);
  for (let i = 0; i < count; i++) {
    const failed = i % 50 === 49;
    const known = (value: number) => failed ? null : value;
    const wait = 5 * random.float(), ttft = 20 - 80 * Math.log(1 - random.float());
    const tokens = 1 + random.int(200), tpot = 10 + 5 * random.float(), e2e = ttft + tpot * (tokens - 1);
    yield {
      requestId: `c8-${i}`,
      exampleId: `mmlu/test/${i % 10_000}`,
      dataset: "mmlu",
      repeat: Math.floor(i / 10_000),
      scheduledAt: i,
      dispatchedAt: i,
      admittedAt: known(i + wait),
      firstTokenAt: known(i + ttft),
      lastTokenAt: known(i + e2e),
      doneAt: i + e2e,
      queueWaitTimeMs: known(wait),
      inferenceTimeMs: known(e2e - wait),
      e2eLatencyMs: known(e2e),
      ttftMs: known(ttft),
      ttftFromScheduledMs: known(ttft),
      tpotMs: tokens < 2 ? null : known(tpot),
      inputTokens: 100,
      outputTokens: failed ? 0 : tokens + 1,
      contentTokens: failed ? 0 : tokens,
      truncatedTokens: 0,
      finishReason: failed ? null : "stop",
      text: "",
      error: failed ? { kind: "timeout", message: "no whole answer within 9000 ms" } : null,
    };
  }
}
