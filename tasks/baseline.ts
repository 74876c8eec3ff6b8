/** The whole baseline: data, server, load tests, accuracy, report. */
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { DEVICES } from "slolab/engine/ort.ts";
import { DEFAULT_SLO } from "slolab/metrics/mod.ts";
import { type BaselineSettings, runBaseline } from "slolab/pipeline/baseline.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";

/** What a preset sets where a flag does not; null is "all". */
const PRESETS = {
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
      "quick: 32 requests at 1 and 8, 20 MMLU and 10 GSM8K answers; full: 5,000 at 1 to 32, every test question",
  },
  preprocess: { type: "boolean", help: "make the data anew" },
  model: {
    type: "string",
    default: DEFAULT_MODEL,
    alias: ["model-name"],
    help: "a name of the catalogue, a hub id (owner/name), a folder or a .gguf file",
  },
  variant: { type: "string", choices: VARIANTS, default: "med", help: "16, 8 or 4 bit" },
  device: { type: "string", choices: DEVICES, default: "cpu", help: "where the model runs" },
  concurrencies: { type: "integers", min: 1, help: "levels of closed-loop load (default: the preset's)" },
  "num-requests": { type: "integer", min: 1, help: "requests a level (default: the preset's)" },
  warmup: { type: "integer", min: 0, default: 2, help: "requests before each level, in no figure" },
  "mmlu-questions": {
    type: "integer",
    min: 0,
    help: "MMLU answers from the test split (default: the preset's)",
  },
  "gsm8k-questions": {
    type: "integer",
    min: 0,
    help: "GSM8K answers from the test split (default: the preset's)",
  },
  "mmlu-method": {
    type: "string",
    choices: ["generate", "loglikelihood"],
    default: "generate",
    help: "read the letter from the answer, or take the likeliest of the four letters",
  },
  "max-tokens": {
    type: "integer",
    min: 1,
    help: "output tokens of every request (default: 16 for MMLU, 320 for GSM8K, 128 in quick's load test)",
  },
  "data-subset": { type: "integer", min: 1, help: "use at most so many examples of each split" },
  "raw-dir": { type: "string", help: "a folder with mmlu/ and gsm8k/, read instead of the hub" },
  "data-dir": { type: "string", help: "the processed data (default data/processed)" },
  "output-dir": { type: "string", help: "where the results go (default results/baseline_<variant>)" },
  seed: { type: "integer", default: 42, help: "order of the load and choice of the questions" },
  slots: { type: "integer", min: 1, default: 16, help: "requests that the engine runs at once" },
  context: {
    type: "integer",
    min: 2,
    help: "tokens of a slot (default: the smaller of the model's and 4096)",
  },
  overlong: {
    type: "string",
    choices: ["reject", "truncate-left"],
    default: "reject",
    help: "what happens to a prompt that does not fit",
  },
  "slo-ttft-ms": {
    type: "number",
    min: 0,
    default: DEFAULT_SLO.ttftMs!,
    help: "limit on the time to first token",
  },
  "slo-tpot-ms": {
    type: "number",
    min: 0,
    default: DEFAULT_SLO.tpotMs!,
    help: "limit on the time per output token",
  },
  "slo-e2e-ms": { type: "number", min: 0, help: "limit on the whole answer (default none)" },
  resume: { type: "boolean", help: "go on with a broken run in the output folder" },
  json: { type: "boolean", help: "print summary.json and nothing else" },
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
    "--preset full --output-dir results/qwen --model Qwen/Qwen2.5-0.5B-Instruct --resume",
  ],
  run: async (o) => {
    setQuiet(o.json);
    const preset = PRESETS[o.preset as keyof typeof PRESETS];
    const settings: BaselineSettings = {
      preset: o.preset,
      model: o.model,
      variant: o.variant as BaselineSettings["variant"],
      device: o.device as BaselineSettings["device"],
      slots: o.slots,
      context: o.context,
      overlong: o.overlong as BaselineSettings["overlong"],
      concurrencies: o.concurrencies ?? preset.concurrencies,
      numRequests: o.numRequests ?? preset.numRequests,
      warmup: o.warmup,
      loadMaxTokens: o.maxTokens ?? preset.loadMaxTokens,
      mmluMaxTokens: o.maxTokens ?? 16,
      gsm8kMaxTokens: o.maxTokens ?? 320,
      mmluMethod: o.mmluMethod as BaselineSettings["mmluMethod"],
      mmluLimit: o.mmluQuestions ?? preset.mmluLimit,
      gsm8kLimit: o.gsm8kQuestions ?? preset.gsm8kLimit,
      dataSubset: o.dataSubset ?? null,
      slo: { ttftMs: o.sloTtftMs, tpotMs: o.sloTpotMs, e2eMs: o.sloE2eMs ?? null },
      seed: o.seed,
    };
    using interrupt = onInterrupt("Stopped: --resume goes on with the rest");
    const { summary } = await runBaseline(settings, {
      outputDir: o.outputDir ?? `results/baseline_${o.variant}`,
      resume: o.resume,
      preprocess: o.preprocess,
      rawDir: o.rawDir,
      dataDir: o.dataDir,
      command: ["deno task baseline", ...Deno.args.filter((a) => a !== "--resume")].join(" "),
      print: o.json ? () => {} : console.log,
      signal: interrupt.signal,
    });
    if (o.json) console.log(JSON.stringify(summary, null, 2));
  },
});
