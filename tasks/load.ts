/** One level of load under one pattern, on a variant or an endpoint. */
import { EXPORT_FORMATS, type ExportFormat, exportRun } from "slolab/metrics/mod.ts";
import { type Pattern, PATTERNS } from "slolab/pipeline/load_pattern.ts";
import { runLoad } from "slolab/pipeline/load_run.ts";
import { writeLoadCharts } from "slolab/report/mod.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";
import { LOAD_FLAGS, runOptionsOf, sloOf, targetOf, workloadOf } from "./load_settings.ts";

const flags = {
  pattern: { type: "string", choices: PATTERNS, default: "poisson", help: "when requests are sent" },
  rate: { type: "number", min: 0, help: "requests a second; a ramp's first" },
  "end-rate": { type: "number", min: 0, help: "a ramp's last" },
  shape: {
    type: "number",
    min: 0,
    help: "of gamma gaps: 1 is Poisson, less is burstier; ramp and steps are even without",
  },
  steps: { type: "strings", help: "RATE:SECONDS of each step" },
  "burst-size": { type: "integer", min: 1, help: "requests at once" },
  "burst-every": { type: "number", min: 0, help: "seconds from burst to burst" },
  concurrency: { type: "integer", min: 1, help: "clients of the closed loop (default 8)" },
  "think-time-ms": {
    type: "number",
    min: 0,
    help: "from an answer to its client's next request (default 0)",
  },
  trace: {
    type: "string",
    help:
      "CSV with TIMESTAMP,ContextTokens,GeneratedTokens or JSONL with timestamp, input_length, output_length; with --rate and --duration thinned to both",
  },
  "time-scale": { type: "number", min: 0, help: "factor on a trace's gaps" },
  duration: { type: "number", min: 0, help: "seconds in which requests are sent" },
  "num-requests": { type: "integer", min: 1, help: "requests (default 100 where no duration ends it)" },
  "warmup-seconds": {
    type: "number",
    min: 0,
    default: 0,
    help: "the level's first so many seconds are in no figure",
  },
  "cooldown-seconds": { type: "number", min: 0, default: 0, help: "nor are its last" },
  export: {
    type: "strings",
    choices: EXPORT_FORMATS,
    help: "also write the level as that tool's result file, with the gaps between tokens",
  },
  ...LOAD_FLAGS,
} satisfies Flags;

await runCommand({
  name: "load",
  summary: "Puts a variant or an endpoint under load of one pattern and measures latency against SLOs.",
  flags,
  examples: [
    "--rate 2 --duration 60",
    "--pattern closed --concurrency 8 --num-requests 200 --think-time-ms 500",
    "--pattern gamma --shape 0.25 --rate 1 --duration 120 --warmup-seconds 10",
    "--pattern steps --steps 1:30 2:30 4:30 --prompts synthetic --input-tokens 256 --output-tokens 32",
    "--pattern trace --trace ../shared/traces/AzureLLMInferenceTrace_conv.csv --rate 0.2 --duration 600 --context 2048",
    "--rate 5 --num-requests 500 --endpoint http://127.0.0.1:8000/v1",
  ],
  run: async (o) => {
    setQuiet(o.json);
    using interrupt = onInterrupt("Stopped: --resume goes on with the rest");
    const options = runOptionsOf(o, "load", interrupt.signal);
    const summary = await runLoad({
      target: await targetOf(o),
      pattern: {
        pattern: o.pattern as Pattern,
        concurrency: o.concurrency,
        thinkTimeMs: o.thinkTimeMs,
        rate: o.rate,
        endRate: o.endRate,
        shape: o.shape,
        steps: o.steps,
        burstSize: o.burstSize,
        burstEverySeconds: o.burstEvery,
        trace: o.trace,
        timeScale: o.timeScale,
        durationSeconds: o.duration,
        numRequests: o.numRequests,
        seed: o.seed,
      },
      workload: workloadOf(o, o.pattern === "trace" ? "fitted" : "questions"),
      warmup: o.warmup,
      warmupSeconds: o.warmupSeconds,
      cooldownSeconds: o.cooldownSeconds,
      maxInFlight: o.maxInFlight,
      timeoutMs: o.timeoutMs,
      slo: sloOf(o),
      seed: o.seed,
      ...(o.export && { itls: true }),
    }, options);
    for (const format of o.export ?? []) await exportRun(options.outputDir, format as ExportFormat);
    if (o.charts) await writeLoadCharts(options.outputDir);
    if (o.json) console.log(JSON.stringify(summary, null, 2));
  },
});
