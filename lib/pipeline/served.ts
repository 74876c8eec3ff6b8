/** What a run drives: a variant in this process, or an endpoint. */
import type { VariantName } from "../compress/variant.ts";
import { openEndpoint } from "../endpoint/mod.ts";
import { SingleVariantServer } from "../engine/single_variant_server.ts";
import { readTokenizer } from "../engine/tokenizer.ts";
import type { EvaluatorOptions } from "../eval/mod.ts";
import { formatBytes } from "../std/bytes.ts";
import { BadInput } from "../std/errors.ts";
import type { InferenceTarget } from "../types/mod.ts";
import type { BaselineOptions, BaselineSettings } from "./baseline.ts";
import { describeMachine, describeModel, describeVersions } from "./machine.ts";
import { type AskedQuestions, evaluatorOptions } from "./questions.ts";

export interface Served extends AsyncDisposable {
  target: InferenceTarget;
  /** Must be equal for a run to be resumed. */
  identity: Record<string, unknown>;
  /** What `run.json` says of it. */
  description: Record<string, unknown>;
  evaluatorOptions: EvaluatorOptions;
  /** Readies it for a part of the run. */
  prepare(part: "load" | "evaluation"): void;
}

/** What is opened; a baseline's settings are such. */
export type ServedSettings =
  & Pick<BaselineSettings, "model" | "variant" | "endpoint" | "tokenizer" | "form" | "tune" | "device">
  & Pick<BaselineSettings, "slots" | "context" | "kvMemory" | "prefixCache" | "protocol" | "mmluMethod">
  & Partial<Pick<BaselineSettings, "overlong">>
  & { mmluLimit?: number | null };

const BITS: Record<VariantName, string> = {
  base: "16-BIT WEIGHTS",
  med: "8-BIT QUANTIZATION",
  cheap: "4-BIT QUANTIZATION",
  fp32: "32-BIT WEIGHTS",
};

/** What a run's heading calls it. */
export function titleOf({ variant, endpoint }: Pick<ServedSettings, "variant" | "endpoint">): string {
  const name = variant?.toUpperCase();
  if (endpoint) return `${name ? `${name}, ` : ""}ENDPOINT ${endpoint.baseUrl}`;
  return `${name}-ONLY SERVER (${BITS[variant!]})`;
}

/**
 * Loads the variant or reaches the endpoint, and prints what it is.
 * @throws {BadInput} where that cannot be done, or letters are to be scored and an endpoint cannot.
 */
export function openServed(
  settings: ServedSettings,
  questions: AskedQuestions,
  options: Pick<BaselineOptions, "print" | "apiKey">,
): Promise<Served> {
  return settings.endpoint
    ? openRemote(settings, questions, options)
    : openVariant(settings, questions, options.print);
}

async function openVariant(
  { variant, ...settings }: ServedSettings,
  questions: AskedQuestions,
  print: BaselineOptions["print"],
): Promise<Served> {
  const server = new SingleVariantServer({ ...settings, variant: variant!, prefixCache: false });
  const started = await server.start();
  const { engine, manifest, memory } = started;
  const { source } = manifest;
  print(
    `  Model: ${manifest.model} (${source.kind}: ${source.location}, SHA-256 ${source.sha256.slice(0, 16)})`,
  );
  print(
    `  Variant: ${manifest.variant}, ${
      manifest.bitsPerWeight.toFixed(2)
    } bits a weight, form ${manifest.form}`,
  );
  const { slots, context } = engine.stats;
  const prefixCache = { load: settings.prefixCache ?? "off", evaluation: settings.prefixCache ?? "on" };
  print(`  Model loaded successfully (${settings.device}, ${slots} slots of ${context} tokens)`);
  print(
    `  Memory: weights ${formatBytes(memory.weightBytes)}, KV ${
      formatBytes(slots * memory.slotBytes)
    } when full`,
  );
  const batchDependence = manifest.export?.batchDependence ?? null;
  if (batchDependence !== null) print(`  The model runs at batch 1: ${batchDependence}`);
  if (manifest.batchDependence) print(`  Answers depend on the batch: ${manifest.batchDependence}`);
  if (!engine.tokenizer?.hasChatTemplate) {
    print("  The model has no chat template: it is prompted with plain text");
  }
  return {
    target: engine,
    identity: {
      model_sha256: source.sha256,
      builder_version: manifest.builderVersion,
      form_run: manifest.form,
    },
    description: describeModel(started, settings, prefixCache),
    evaluatorOptions: evaluatorOptions(questions, engine),
    prepare: (part) => engine.prefixCache = prefixCache[part] === "on",
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function openRemote(
  { endpoint, variant, protocol, mmluLimit, mmluMethod, ...settings }: ServedSettings,
  { fewShot }: AskedQuestions,
  { print, apiKey }: Pick<BaselineOptions, "print" | "apiKey">,
): Promise<Served> {
  const target = await openEndpoint(endpoint!, apiKey);
  try {
    const { baseUrl, model, api } = target;
    const maxModelLen = await target.contextLength();
    const fit = protocol === "lm-eval" && settings.tokenizer !== undefined
      ? await readFit(settings.tokenizer, settings.context ?? maxModelLen)
      : undefined;
    print(`  Endpoint: ${baseUrl}, model ${model}, ${api}`);
    let scoresMessages = false;
    if (mmluMethod === "loglikelihood" && mmluLimit !== 0) {
      const why = await target.whyNotScore();
      if (why !== null) {
        const instead = protocol === "lm-eval" ? "" : "--mmlu-method generate, or ";
        throw new BadInput(
          `Cannot score the letters of mmlu as ${target.name} must tell log-likelihoods (use ${instead}` +
            `--mmlu-questions 0): ${why}`,
        );
      }
      const messages = [{ role: "user" as const, content: "The answer is" }];
      scoresMessages = api === "chat" && protocol !== "lm-eval" &&
        await target.whyNotScore({ messages }) === null;
      if (!scoresMessages && protocol !== "lm-eval") {
        print("  Letters are scored behind plain text: the endpoint tokenizes no messages");
      }
    }
    return {
      target,
      identity: { endpoint_model: model },
      description: {
        model: { name: model },
        variant,
        endpoint: { base_url: baseUrl, model, api, max_model_len: maxModelLen },
        client_machine: describeMachine(),
        versions: describeVersions(),
      },
      evaluatorOptions: {
        mmluMethod,
        fewShot,
        hasChatTemplate: scoresMessages,
        fit,
      },
      prepare() {},
      [Symbol.asyncDispose]: () => target.close(),
    };
  } catch (thrown) {
    await target.close();
    throw thrown;
  }
}

/** How prompts are cut for an endpoint. */
async function readFit(folder: string, context: number | null): Promise<EvaluatorOptions["fit"]> {
  const refuse = (rule: string) => new BadInput(`Cannot cut prompts to the endpoint's context as ${rule}`);
  const tokenizer = await readTokenizer(folder);
  if (tokenizer === null) throw refuse(`${folder} must hold its tokenizer.json: there is none`);
  if (context === null) throw refuse("its length must be known: the server does not say (use --context)");
  return { encode: (text) => tokenizer.encode(text), context };
}
