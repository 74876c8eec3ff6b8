/** Flags that baseline and study share, and what they set. */
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import { DEVICES } from "slolab/engine/ort.ts";
import { DEFAULT_SLO } from "slolab/metrics/mod.ts";
import type { BaselineSettings } from "slolab/pipeline/baseline.ts";
import type { Flags, Values } from "slolab/std/cli.ts";

export const SETTINGS_FLAGS = {
  model: {
    type: "string",
    default: DEFAULT_MODEL,
    alias: ["model-name"],
    help: "a name of the catalogue, a hub id (owner/name), a folder or a .gguf file",
  },
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
  "max-tokens": {
    type: "integer",
    min: 1,
    help: "output tokens of every request (default: 16 for MMLU, 320 for GSM8K, 128 in quick's load test)",
  },
  "load-max-tokens": { type: "integer", min: 1, help: "output tokens of a request in the load test alone" },
  "data-subset": { type: "integer", min: 1, help: "use at most so many examples of each split" },
  preprocess: { type: "boolean", help: "make the data anew" },
  "raw-dir": { type: "string", help: "a folder with mmlu/ and gsm8k/, read instead of the hub" },
  "data-dir": { type: "string", help: "the processed data (default data/processed)" },
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
  charts: { type: "boolean", help: "also write each chart as an SVG file into charts/" },
  json: { type: "boolean", help: "print the result as JSON and nothing else" },
} satisfies Flags;

/** What holds where a flag is not given; null is "all". */
export type Preset = Pick<
  BaselineSettings,
  "preset" | "concurrencies" | "numRequests" | "loadMaxTokens" | "mmluLimit" | "gsm8kLimit" | "mmluMethod"
>;

/** The settings of a run, but for its variant. */
export function settingsOf(
  o: Values<typeof SETTINGS_FLAGS>,
  preset: Preset,
): Omit<BaselineSettings, "variant"> {
  return {
    ...preset,
    model: o.model,
    device: o.device as BaselineSettings["device"],
    slots: o.slots,
    context: o.context,
    overlong: o.overlong as BaselineSettings["overlong"],
    concurrencies: o.concurrencies ?? preset.concurrencies,
    numRequests: o.numRequests ?? preset.numRequests,
    warmup: o.warmup,
    loadMaxTokens: o.loadMaxTokens ?? o.maxTokens ?? preset.loadMaxTokens,
    mmluMaxTokens: o.maxTokens ?? 16,
    gsm8kMaxTokens: o.maxTokens ?? 320,
    mmluLimit: o.mmluQuestions ?? preset.mmluLimit,
    gsm8kLimit: o.gsm8kQuestions ?? preset.gsm8kLimit,
    dataSubset: o.dataSubset ?? null,
    slo: { ttftMs: o.sloTtftMs, tpotMs: o.sloTpotMs, e2eMs: o.sloE2eMs ?? null },
    seed: o.seed,
  };
}
