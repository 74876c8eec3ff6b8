/** The whole baseline: data, server, load tests, accuracy, report. */
import { EXPORT_FORMATS, type ExportFormat, exportRun } from "slolab/metrics/mod.ts";
import { type VariantName, VARIANTS } from "slolab/compress/variant.ts";
import { runBaseline } from "slolab/pipeline/baseline.ts";
import { writeCharts } from "slolab/report/mod.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";
import {
  commandOf,
  ENDPOINT_FLAGS,
  endpointOf,
  ONE_ENDPOINT_FLAGS,
  type Preset,
  SETTINGS_FLAGS,
  settingsOf,
} from "./settings.ts";

const PRESETS: Record<string, Omit<Preset, "preset" | "mmluMethod">> = {
  quick: { concurrencies: [1, 8], numRequests: 32, loadMaxTokens: 128, mmluLimit: 20, gsm8kLimit: 10 },
  full: {
    concurrencies: [1, 2, 4, 8, 16, 32],
    numRequests: 5000,
    loadMaxTokens: null,
    mmluLimit: null,
    gsm8kLimit: null,
  },
};

const flags = {
  preset: {
    type: "string",
    choices: ["quick", "full"],
    default: "quick",
    help:
      "quick: 32 requests at 1 and 8, 20 MMLU and 10 GSM8K answers; full: 5,000 at 1 to 32, all test questions",
  },
  variant: { type: "string", choices: VARIANTS, default: "med", help: "16, 8 or 4 bit" },
  ...SETTINGS_FLAGS,
  ...ONE_ENDPOINT_FLAGS,
  ...ENDPOINT_FLAGS,
  "output-dir": {
    type: "string",
    help:
      "where the results go (default results/baseline_<variant>, of --endpoint results/baseline_endpoint)",
  },
  export: {
    type: "strings",
    choices: EXPORT_FORMATS,
    help: "also write each level as that tool's result file, with the gaps between tokens",
  },
  resume: { type: "boolean", help: "go on with a broken run in the output folder" },
} satisfies Flags;

await runCommand({
  name: "baseline",
  summary:
    "Serves a variant under closed-loop load, measures latency against SLOs, evaluates exact match on MMLU and GSM8K.",
  flags,
  examples: [
    "",
    "--variant cheap --concurrencies 1 4 16 --num-requests 200",
    "--preset full --model Qwen/Qwen2.5-0.5B-Instruct --output-dir results/qwen",
    "--preset full --model Qwen/Qwen2.5-0.5B-Instruct --output-dir results/qwen --resume",
    "--endpoint http://127.0.0.1:8000/v1 --concurrencies 1 16 64 --num-requests 500",
    "--endpoints deploy/endpoints.json --variant cheap --mmlu-method loglikelihood",
  ],
  run: async (o) => {
    setQuiet(o.json);
    const preset = {
      ...PRESETS[o.preset],
      preset: o.preset,
      mmluMethod: "generate" as const,
    };
    using interrupt = onInterrupt("Stopped: --resume goes on with the rest");
    const endpoint = await endpointOf(o, o.variant);
    const variant = o.endpoint === undefined ? o.variant as VariantName : null;
    const outputDir = o.outputDir ?? `results/baseline_${variant ?? "endpoint"}`;
    const { summary } = await runBaseline(
      {
        ...settingsOf(o, preset),
        variant,
        ...(endpoint &&
          { endpoint, tokenizer: o.tokenizer, model: endpoint.model ?? endpoint.baseUrl }),
        ...(o.export && { itls: true }),
      },
      {
        outputDir,
        resume: o.resume,
        preprocess: o.preprocess,
        rawDir: o.rawDir,
        dataDir: o.dataDir,
        command: commandOf("baseline", Deno.args),
        apiKey: o.apiKey,
        print: o.json ? () => {} : console.log,
        signal: interrupt.signal,
      },
    );
    for (const format of o.export ?? []) await exportRun(outputDir, format as ExportFormat);
    if (o.charts) await writeCharts(outputDir);
    if (o.json) console.log(JSON.stringify(summary, null, 2));
  },
});
