/**
 * `deno task bench client`: what the client costs, against a mock server that streams at a fixed pace from a process
 * of its own. CPU is that of this whole process, all threads.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { quantile } from "slolab/math/mod.ts";
import { EndpointTarget } from "slolab/endpoint/mod.ts";
import { OpenLoopLoadGenerator, poisson } from "slolab/load/mod.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import type { Command, Flags } from "slolab/std/cli.ts";
import { setQuiet } from "slolab/std/progress.ts";

const flags = {
  streams: { type: "integers", default: [64, 512], min: 1, help: "streams at once, for CPU a token" },
  tokens: { type: "integer", default: 128, min: 16, help: "tokens of a stream, at 20 tokens/s" },
  rates: {
    type: "numbers",
    default: [100, 500, 1000, 2000],
    min: 1,
    help: "requests/s of 4 tokens within 200 ms, for the schedule delay",
  },
  seconds: { type: "number", default: 5, min: 1, help: "how long each rate lasts" },
} satisfies Flags;

const STREAM_INTERVAL_MS = 50, SHORT_TOKENS = 4, SHORT_INTERVAL_MS = 50;
/** Tokens of the streams that are taken off, so that only what a further token costs is left. */
const FEW_TOKENS = 8;

export const clientBenchmark: Command<typeof flags> = {
  name: "bench client",
  summary: "Measures CPU per streamed token and schedule delay of the load client; prints one JSON line.",
  flags,
  examples: ["", "--streams 64 --rates 100 2000 --seconds 10"],
  async run({ streams, tokens, rates, seconds }) {
    setQuiet(true);
    const cpu = [], delays = [];
    for (const count of streams) {
      cpu.push({ streams: count, us_per_token: await cpuPerToken(count, tokens) });
    }
    for (const rate of rates) delays.push({ rate, ...await scheduleDelay(rate, seconds) });
    console.log(JSON.stringify({
      tokens_per_stream: tokens,
      cpu,
      schedule_delay: delays,
      load_average: Deno.loadavg().map((l) => Number(l.toFixed(1))),
      machine: describeMachine(),
    }));
  },
};

/** Microseconds of CPU for each further token of that many streams. */
async function cpuPerToken(count: number, tokens: number): Promise<number> {
  return await withMock(STREAM_INTERVAL_MS, async (target) => {
    const measure = async (maxTokens: number) => {
      const from = process.cpuUsage();
      const answers = await Promise.all(
        Array.from({ length: count }, () => target.generate("Hello", { maxTokens, onToken: () => {} })),
      );
      const { user, system } = process.cpuUsage(from);
      const received = answers.reduce((sum, a) => sum + a.contentTokens, 0);
      if (received !== count * maxTokens) throw new Error(`${received} tokens, not ${count * maxTokens}`);
      return { us: user + system, received };
    };
    await measure(2 * FEW_TOKENS); // opens the connections and warms the code
    const few = await measure(FEW_TOKENS), many = await measure(tokens);
    return Number(((many.us - few.us) / (many.received - few.received)).toFixed(1));
  });
}

/** How late requests go out, in ms, and how many were open at once. */
async function scheduleDelay(rate: number, seconds: number) {
  return await withMock(SHORT_INTERVAL_MS, async (target) => {
    let open = 0, mostOpen = 0;
    const load = new OpenLoopLoadGenerator({
      infer: async (_, context) => {
        mostOpen = Math.max(mostOpen, ++open);
        try {
          return await target.generate("Hello", { maxTokens: SHORT_TOKENS, ...context });
        } finally {
          open--;
        }
      },
      data: [{ id: "synthetic/0", dataset: "synthetic" }],
      arrivals: poisson(rate, 1),
      numRequests: Math.round(rate * seconds),
      warmup: 64,
      onProgress: () => {},
    });
    const records = await load.run();
    const failed = records.filter((r) => r.error !== null).length;
    const delays = records.map((r) => r.dispatchedAt - r.scheduledAt).sort((a, b) => a - b);
    const at = (p: number) => Number(quantile(delays, p)!.toFixed(2));
    return { requests: records.length, failed, most_open: mostOpen, p50_ms: at(0.5), p99_ms: at(0.99) };
  });
}

async function withMock<T>(intervalMs: number, run: (target: EndpointTarget) => Promise<T>): Promise<T> {
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "-q",
      "--allow-net=127.0.0.1",
      fileURLToPath(new URL("./mock_server.ts", import.meta.url)),
      String(intervalMs),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const port = Number(new TextDecoder().decode((await reader.read()).value));
  await using target = new EndpointTarget({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "mock" });
  try {
    return await run(target);
  } finally {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  }
}
