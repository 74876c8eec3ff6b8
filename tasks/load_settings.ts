/** Flags that load and capacity share, and what they set. */
import { type VariantName, VARIANTS } from "slolab/compress/variant.ts";
import type { TargetSettings, VariantSettings } from "slolab/pipeline/load_target.ts";
import { PROMPT_KINDS, type WorkloadSettings } from "slolab/pipeline/workload.ts";
import type { Flags, Values } from "slolab/std/cli.ts";
import type { Slo } from "slolab/types/mod.ts";
import {
  commandOf,
  ENDPOINT_FLAGS,
  endpointOf,
  formOf,
  memoryOf,
  MODEL_FLAGS,
  ONE_ENDPOINT_FLAGS,
  SETTINGS_FLAGS,
} from "./settings.ts";

const { preprocess, seed, warmup, overlong, charts, json } = SETTINGS_FLAGS;

export const LOAD_FLAGS = {
  ...MODEL_FLAGS,
  variant: { type: "string", choices: VARIANTS, default: "med", help: "16, 8 or 4 bit" },
  "prefix-cache": {
    ...SETTINGS_FLAGS["prefix-cache"],
    help: "prompts go on from KV of earlier ones (default off)",
  },
  overlong,
  ...ONE_ENDPOINT_FLAGS,
  ...ENDPOINT_FLAGS,
  prompts: {
    type: "string",
    choices: PROMPT_KINDS,
    help:
      "questions as they are, their text fitted to token lengths, or synthetic (default: questions; trace: fitted)",
  },
  "input-tokens": { type: "integer", min: 1, help: "of each fitted or synthetic prompt (default 256)" },
  "output-tokens": { type: "integer", min: 1, help: "of each answer to them, exactly (default 64)" },
  "max-tokens": {
    type: "integer",
    min: 1,
    default: 128,
    help: "most output tokens of an answer to a question",
  },
  sharegpt: { type: "string", help: "a file of ShareGPT conversations, sent instead of MMLU and GSM8K" },
  "data-subset": { type: "integer", min: 1, help: "use at most so many questions" },
  preprocess,
  "raw-dir": SETTINGS_FLAGS["raw-dir"],
  "data-dir": SETTINGS_FLAGS["data-dir"],
  "max-in-flight": { type: "integer", min: 1, help: "further requests wait, visibly (default: no limit)" },
  "timeout-ms": {
    type: "number",
    min: 1,
    help: "from the planned sending to the whole answer (default: none)",
  },
  warmup,
  seed: { ...seed, help: "arrivals, order and choice of the prompts" },
  "slo-ttft-ms": SETTINGS_FLAGS["slo-ttft-ms"],
  "slo-tpot-ms": SETTINGS_FLAGS["slo-tpot-ms"],
  "slo-e2e-ms": SETTINGS_FLAGS["slo-e2e-ms"],
  charts,
  json,
  "output-dir": { type: "string", help: "where the results go (default results/COMMAND_VARIANT)" },
  resume: { type: "boolean", help: "go on with a broken run in the output folder" },
} satisfies Flags;

type LoadValues = Values<typeof LOAD_FLAGS>;

/**
 * The target that the flags name.
 * @throws {BadInput} as `endpointOf` does.
 */
export async function targetOf(o: LoadValues): Promise<TargetSettings> {
  const endpoint = await endpointOf(o, o.variant);
  if (endpoint !== undefined) {
    const variant = o.endpoint === undefined ? o.variant as VariantName : undefined;
    return { endpoint, variant, tokenizer: o.tokenizer, context: o.context };
  }
  return {
    model: o.model,
    variant: o.variant as VariantName,
    device: o.device as VariantSettings["device"],
    ...formOf(o),
    ...memoryOf(o),
    overlong: o.overlong as VariantSettings["overlong"],
    prefixCache: o.prefixCache as VariantSettings["prefixCache"],
  };
}

/** What is sent. */
export function workloadOf(o: LoadValues, kind: WorkloadSettings["prompts"]): WorkloadSettings {
  return {
    prompts: (o.prompts ?? kind) as WorkloadSettings["prompts"],
    inputTokens: o.inputTokens,
    outputTokens: o.outputTokens,
    loadMaxTokens: o.maxTokens,
    sharegpt: o.sharegpt,
    dataSubset: o.dataSubset ?? null,
    seed: o.seed,
  };
}

export function sloOf(o: Pick<LoadValues, "sloTtftMs" | "sloTpotMs" | "sloE2eMs">): Slo {
  return { ttftMs: o.sloTtftMs, tpotMs: o.sloTpotMs, e2eMs: o.sloE2eMs ?? null };
}

/** Where a run goes and how it is repeated. */
export function runOptionsOf(o: LoadValues, name: string, signal: AbortSignal) {
  return {
    outputDir: o.outputDir ?? `results/${name}_${o.endpoint === undefined ? o.variant : "endpoint"}`,
    resume: o.resume,
    preprocess: o.preprocess,
    rawDir: o.rawDir,
    dataDir: o.dataDir,
    command: commandOf(name, Deno.args),
    apiKey: o.apiKey,
    print: o.json ? () => {} : console.log,
    signal,
  };
}
