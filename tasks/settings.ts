/** Flags that baseline and study share, and what they set. */
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import { type VariantName, VARIANTS } from "slolab/compress/variant.ts";
import { type EndpointConfig, readBaseUrl, readEndpoints } from "slolab/endpoint/mod.ts";
import type { MemoryRequest } from "slolab/engine/memory_plan.ts";
import { FORM_CHOICES, type FormChoice } from "slolab/engine/forms.ts";
import { DEVICES } from "slolab/engine/ort.ts";
import { LM_EVAL_MAX_TOKENS } from "slolab/eval/mod.ts";
import { DEFAULT_SLO } from "slolab/metrics/mod.ts";
import type { BaselineSettings } from "slolab/pipeline/baseline.ts";
import { PROTOCOLS, type ProtocolSettings } from "slolab/pipeline/questions.ts";
import { parseBytes } from "slolab/std/bytes.ts";
import type { Flags, Values } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";

/** What the KV cache is planned from: the same for every command that loads a model. */
export const MEMORY_FLAGS = {
  slots: {
    type: "integer",
    min: 1,
    help: "requests that a model runs at once (default: 16, or as many as fit)",
  },
  context: {
    type: "integer",
    min: 2,
    help: "tokens of a slot (default: the smaller of the model's and 4096, or as many as fit)",
  },
  "kv-memory": {
    type: "string",
    help: "memory for keys and values, such as 2GB (default: 3/4 of what the weights leave free)",
  },
} satisfies Flags;

/** What the memory flags say. */
export function memoryOf(o: Values<typeof MEMORY_FLAGS>): MemoryRequest {
  const { slots, context, kvMemory } = o;
  return {
    slots,
    context,
    kvMemory: kvMemory === undefined ? undefined : parseBytes(kvMemory, "--kv-memory"),
  };
}

/** How a variant's matrices are multiplied. */
export const FORM_FLAGS = {
  form: {
    type: "string",
    choices: FORM_CHOICES,
    default: "auto",
    help:
      "how matrices of med and cheap are multiplied: auto takes the fastest here that keeps their quality",
  },
  tune: {
    type: "boolean",
    default: true,
    help: "let auto measure the forms on a machine that is new to the variant; --no-tune: else blocks",
  },
} satisfies Flags;

/** What the form flags say. */
export function formOf(o: Values<typeof FORM_FLAGS>): { form: FormChoice; tune: boolean } {
  return { form: o.form as FormChoice, tune: o.tune };
}

/** The model that is asked, and where it runs. */
export const MODEL_FLAGS = {
  model: {
    type: "string",
    default: DEFAULT_MODEL,
    alias: ["model-name"],
    help: "a name of the catalogue, a hub id (owner/name), a folder or a .gguf file",
  },
  device: { type: "string", choices: DEVICES, default: "cpu", help: "where the model runs" },
  ...FORM_FLAGS,
  ...MEMORY_FLAGS,
} satisfies Flags;

/** What is asked, and how. */
export const QUESTION_FLAGS = {
  protocol: {
    type: "string",
    choices: PROTOCOLS,
    default: "slolab",
    help:
      "slolab: held-out questions, chat prompts; lm-eval: tasks mmlu and gsm8k of lm-evaluation-harness, as it asks them",
  },
  shots: {
    type: "integer",
    min: 0,
    help: "solved examples before each question (default: 0; lm-eval: 0 for MMLU, 5 for GSM8K)",
  },
  "mmlu-method": {
    type: "string",
    choices: ["generate", "loglikelihood"],
    help: "read the letter from the answer, or take the likeliest of the four (default: the command's)",
  },
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
  preprocess: { type: "boolean", help: "make the data anew" },
  "raw-dir": { type: "string", help: "a folder with mmlu/ and gsm8k/, read instead of the hub" },
  "data-dir": { type: "string", help: "the processed data (default data/processed)" },
} satisfies Flags;

/** A server in the engine's place. */
export const ENDPOINT_FLAGS = {
  endpoints: {
    type: "string",
    help: "a JSON file of endpoints, one for each variant (docs/SCALE.md), driven in the engine's place",
  },
  "endpoint-api": {
    type: "string",
    choices: ["chat", "completions"],
    help: "where messages go (default: what the file says, else chat)",
  },
  "retry-429": { type: "integer", min: 0, help: "how often a refused request is sent again (default 0)" },
} satisfies Flags;

/** One endpoint. */
export const ONE_ENDPOINT_FLAGS = {
  endpoint: {
    type: "string",
    help: "http://host:port/v1 of a server that speaks OpenAI's protocol, driven instead",
  },
  "endpoint-model": { type: "string", help: "the endpoint's model (default: the one that it serves)" },
  "api-key": { type: "string", help: "the endpoint's key (default $SLOLAB_API_KEY, else $OPENAI_API_KEY)" },
  tokenizer: {
    type: "string",
    help:
      "a folder with the endpoint's tokenizer.json, for prompts of exact lengths, and to cut lm-eval's that are too long",
  },
} satisfies Flags;

/**
 * The endpoints that the flags name, by variant; undefined where there is no file.
 * @throws {BadInput} where the file is no such thing.
 */
export async function endpointsOf(
  o: Values<typeof ENDPOINT_FLAGS>,
): Promise<Map<VariantName, EndpointConfig> | undefined> {
  if (o.endpoints === undefined) return undefined;
  const endpoints = await readEndpoints(o.endpoints, VARIANTS);
  return new Map([...endpoints].map(([name, config]) => [name, { ...config, ...howToAsk(o) }]));
}

/**
 * The endpoint that the flags name, if they do: the variant's, or the one on the command line.
 * @throws {BadInput} where the file has none for the variant, or both are named, or a tokenizer and no endpoint is.
 */
export async function endpointOf(
  o: Values<typeof ENDPOINT_FLAGS & typeof ONE_ENDPOINT_FLAGS>,
  variant: string,
): Promise<EndpointConfig | undefined> {
  const endpoints = await endpointsOf(o);
  if (o.tokenizer !== undefined && o.endpoint === undefined && !endpoints) {
    throw new BadInput("Cannot use --tokenizer as it belongs to an endpoint: none is named");
  }
  if (o.endpoint === undefined) {
    const config = endpoints?.get(variant as VariantName);
    if (endpoints && !config) {
      throw new BadInput(
        `Cannot drive ${variant} as ${o.endpoints} must name its endpoint: it names those of ` +
          [...endpoints.keys()].join(", "),
      );
    }
    return config;
  }
  if (endpoints) {
    throw new BadInput("Cannot use --endpoint as --endpoints is there too: leave one of them out");
  }
  return { baseUrl: readBaseUrl(o.endpoint).href, model: o.endpointModel, ...howToAsk(o) };
}

const howToAsk = ({ endpointApi, retry429 }: Values<typeof ENDPOINT_FLAGS>) => ({
  ...(endpointApi && { api: endpointApi as EndpointConfig["api"] }),
  ...(retry429 !== undefined && { retry429 }),
});

/** A command line as it may be kept: without the key. */
export function commandOf(task: string, args: readonly string[]): string {
  const kept = args.map((arg, i) =>
    /^--api[-_]key$/.test(args[i - 1] ?? "") ? "***" : arg.replace(/^(--api[-_]key)=.*/s, "$1=***")
  );
  return [`deno task ${task}`, ...kept.filter((arg) => arg !== "--resume")].join(" ");
}

export const SETTINGS_FLAGS = {
  ...MODEL_FLAGS,
  ...QUESTION_FLAGS,
  seed: { type: "integer", default: 42, help: "order of the load and choice of the questions" },
  "prefix-cache": {
    type: "string",
    choices: ["on", "off"],
    help: "prompts go on from KV of earlier ones (default: off in load tests, on in the evaluation)",
  },
  concurrencies: { type: "integers", min: 1, help: "levels of closed-loop load (default: the preset's)" },
  "num-requests": { type: "integer", min: 1, help: "requests a level (default: the preset's)" },
  warmup: { type: "integer", min: 0, default: 2, help: "requests before each level, in no figure" },
  "max-tokens": {
    type: "integer",
    min: 1,
    help:
      "output tokens of every request (default: 16 for MMLU, 320 for GSM8K (lm-eval: 256), 128 in quick's load test)",
  },
  "load-max-tokens": { type: "integer", min: 1, help: "output tokens of a request in the load test alone" },
  "data-subset": { type: "integer", min: 1, help: "use at most so many examples of each split" },
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

/**
 * The protocol that the flags ask for.
 * @throws {BadInput} where lm-eval is asked to have letters generated.
 */
export function protocolOf(
  { protocol, shots, mmluMethod }: { protocol: string; shots?: number; mmluMethod?: string },
  defaultMethod: BaselineSettings["mmluMethod"],
): ProtocolSettings {
  if (protocol === "slolab") {
    return { shots, mmluMethod: (mmluMethod ?? defaultMethod) as BaselineSettings["mmluMethod"] };
  }
  if (mmluMethod === "generate") {
    throw new BadInput(
      "Cannot use --mmlu-method generate as lm-eval must score the letters of mmlu: leave it out",
    );
  }
  return { protocol: "lm-eval", shots, mmluMethod: "loglikelihood" };
}

/** Most tokens of an answer to GSM8K. */
export const gsm8kTokens = (o: { protocol: string; maxTokens?: number }) =>
  o.maxTokens ?? (o.protocol === "lm-eval" ? LM_EVAL_MAX_TOKENS : 320);

/** The settings of a run, but for its variant. */
export function settingsOf(
  o: Values<typeof SETTINGS_FLAGS>,
  preset: Preset,
): Omit<BaselineSettings, "variant"> {
  return {
    ...preset,
    ...protocolOf(o, preset.mmluMethod),
    model: o.model,
    device: o.device as BaselineSettings["device"],
    ...formOf(o),
    ...memoryOf(o),
    prefixCache: o.prefixCache as BaselineSettings["prefixCache"],
    overlong: o.overlong as BaselineSettings["overlong"],
    concurrencies: o.concurrencies ?? preset.concurrencies,
    numRequests: o.numRequests ?? preset.numRequests,
    warmup: o.warmup,
    loadMaxTokens: o.loadMaxTokens ?? o.maxTokens ?? preset.loadMaxTokens,
    mmluMaxTokens: o.maxTokens ?? 16,
    gsm8kMaxTokens: gsm8kTokens(o),
    mmluLimit: o.mmluQuestions ?? preset.mmluLimit,
    gsm8kLimit: o.gsm8kQuestions ?? preset.gsm8kLimit,
    dataSubset: o.dataSubset ?? null,
    slo: { ttftMs: o.sloTtftMs, tpotMs: o.sloTpotMs, e2eMs: o.sloE2eMs ?? null },
    seed: o.seed,
  };
}
