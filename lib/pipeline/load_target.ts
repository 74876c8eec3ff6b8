/** What a load run drives: a variant in this process, or a server that speaks OpenAI's protocol. */
import { readTokenizer } from "../engine/tokenizer.ts";
import type { Tokenizer } from "../checkpoint/tokenizer.ts";
import type { VariantName } from "../compress/variant.ts";
import { type EndpointConfig, openEndpoint } from "../endpoint/mod.ts";
import type { Overlong } from "../engine/engine.ts";
import type { FormChoice } from "../engine/forms.ts";
import type { Device } from "../engine/ort.ts";
import { SingleVariantServer } from "../engine/single_variant_server.ts";
import type { InferenceTarget } from "../types/mod.ts";
import { describeMachine, describeModel, describeVersions } from "./machine.ts";

export interface VariantSettings {
  model: string;
  variant: VariantName;
  /** Default `blocks`. */
  form?: FormChoice;
  device: Device;
  slots?: number;
  context?: number;
  kvMemory?: number;
  tune?: boolean;
  overlong: Overlong;
  /** Default off: load measures prompts that are read. */
  prefixCache?: "on" | "off";
}

export interface EndpointSettings {
  endpoint: EndpointConfig;
  /** The one that it stands for. */
  variant?: VariantName;
  /** A folder with `tokenizer.json`, for prompts of token ids. */
  tokenizer?: string;
  /** Tokens that prompt and answer may have together (default: what the server says, else no limit). */
  context?: number;
}

export type TargetSettings = VariantSettings | EndpointSettings;

export interface LoadTarget extends AsyncDisposable {
  target: InferenceTarget;
  /** Null where the target's is not known. */
  tokenizer: Tokenizer | null;
  /** Tokens of prompt and answer together; null where it is not known. */
  context: number | null;
  /** For `run.json`. */
  document: Record<string, unknown>;
  /** What must be equal for a run to be resumed. */
  fingerprint: Record<string, unknown>;
  /** Lines for a person. */
  lines: string[];
}

/**
 * Opens a target.
 * @throws {BadInput} where the model or the tokenizer cannot be had; an `EndpointError` where the server cannot.
 */
export async function openTarget(settings: TargetSettings, apiKey?: string): Promise<LoadTarget> {
  return "endpoint" in settings ? await openRemote(settings, apiKey) : await openVariant(settings);
}

async function openVariant(settings: VariantSettings): Promise<LoadTarget> {
  const prefixCache = settings.prefixCache ?? "off";
  const server = new SingleVariantServer({ ...settings, prefixCache: prefixCache === "on" });
  const started = await server.start();
  const { engine, manifest } = started;
  const { slots, context } = engine.stats;
  const { source } = manifest;
  return {
    target: engine,
    tokenizer: engine.tokenizer,
    context,
    document: describeModel(started, settings, prefixCache),
    fingerprint: {
      model_sha256: source.sha256,
      builder_version: manifest.builderVersion,
      form_run: manifest.form,
    },
    lines: [
      `Model: ${manifest.model} (${source.kind}: ${source.location}, SHA-256 ${source.sha256.slice(0, 16)})`,
      `Variant: ${manifest.variant}, ${
        manifest.bitsPerWeight.toFixed(2)
      } bits a weight, form ${manifest.form}, ` +
      `${settings.device}, ${slots} slots of ${context} tokens`,
    ],
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function openRemote(settings: EndpointSettings, apiKey?: string): Promise<LoadTarget> {
  const target = await openEndpoint(settings.endpoint, apiKey);
  const told = await target.contextLength();
  const context = settings.context ?? told;
  return {
    target,
    tokenizer: settings.tokenizer === undefined ? null : await readTokenizer(settings.tokenizer),
    context,
    document: {
      model: { name: target.model },
      ...(settings.variant && { variant: settings.variant }),
      endpoint: { base_url: target.baseUrl, model: target.model, api: target.api, max_model_len: context },
      client_machine: describeMachine(),
      versions: describeVersions(),
    },
    fingerprint: { endpoint_model: target.model },
    lines: [`Endpoint: ${target.name}${context === null ? "" : `, context ${context}`}`],
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}
