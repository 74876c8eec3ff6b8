/** One variant of one model, ready to answer: found or built, loaded, with the measures of each answer. */
import { join } from "node:path";
import type { VariantManifest, VariantName } from "../compress/variant.ts";
import { readJson } from "../std/files.ts";
import type {
  Continuation,
  ContinuationScore,
  GenerateOptions,
  Generation,
  InferenceTarget,
  PromptInput,
} from "../types/mod.ts";
import { ensureDevice } from "./device.ts";
import { Engine, type EngineStats, type Overlong } from "./engine.ts";
import { ExportRunner } from "./export_runner.ts";
import { type FormChoice, prepareVariant, type Tuning } from "./forms.ts";
import { availableMemory, type MemoryPlan, type MemoryRequest, planMemory } from "./memory_plan.ts";
import { OrtRunner, type OrtRunnerOptions } from "./ort_runner.ts";
import type { StepRunner } from "./runner.ts";
import { readTokenizer } from "./tokenizer.ts";

export interface LoadOptions extends OrtRunnerOptions, MemoryRequest {
  overlong?: Overlong;
  /** Whether prompts go on from KV that is in a slot (default false). */
  prefixCache?: boolean;
  /** Puts something around what runs the model (default: nothing). */
  wrap?: (runner: StepRunner) => StepRunner;
}

export interface ServerOptions extends Omit<LoadOptions, "form" | "shallow"> {
  /** A name of the catalogue, a hub id, or a path. */
  model: string;
  variant: VariantName;
  /** Default `blocks`; `auto` is this machine's fastest. */
  form?: FormChoice;
  /** Whether `auto` may measure (default true). */
  tune?: boolean;
  cacheDir?: string;
}

/** Measures of one answer, by the names that files have. */
export interface AnswerMetrics {
  /** First token - asked. */
  ttft_ms: number | null;
  /** (Last token - first token) / (content tokens - 1); null below two. */
  tpot_ms: number | null;
  total_latency_ms: number;
  /** Output tokens over the total latency. */
  throughput_tokens_per_sec: number;
  input_length: number;
  output_length: number;
}

/** Computes the measures of an answer. */
export function answerMetrics(generation: Generation): AnswerMetrics {
  const { enqueuedAt, firstTokenAt, lastTokenAt, doneAt, contentTokens, outputTokens } = generation;
  const totalMs = doneAt - enqueuedAt;
  return {
    ttft_ms: firstTokenAt === null ? null : firstTokenAt - enqueuedAt,
    tpot_ms: contentTokens < 2 ? null : (lastTokenAt! - firstTokenAt!) / (contentTokens - 1),
    total_latency_ms: totalMs,
    throughput_tokens_per_sec: totalMs > 0 ? 1000 * outputTokens / totalMs : 0,
    input_length: generation.promptTokens,
    output_length: outputTokens,
  };
}

/**
 * Loads a variant's folder into an engine, with as many slots as there is memory for.
 * @throws {BadInput} where the folder holds no variant, the device is not there or the model does not fit.
 */
export async function loadEngine(
  folder: string,
  { overlong, prefixCache, wrap = (runner) => runner, ...options }: LoadOptions = {},
): Promise<{ engine: Engine; manifest: VariantManifest; memory: MemoryPlan }> {
  const tokenizer = await readTokenizer(folder);
  const found = await readJson<VariantManifest>(join(folder, "variant.json"));
  const onCpu = (options.device ?? "cpu") === "cpu";
  const memory = planMemory(
    { ...found, form: options.form ?? found.form },
    options,
    onCpu ? availableMemory() : null,
  );
  const { slots, context } = memory;
  const runner = await (found.export ? ExportRunner : OrtRunner).create(folder, {
    ...options,
    slots,
    context,
  });
  const { manifest } = runner;
  const name = `${manifest.model} ${manifest.variant}`;
  const { eosTokenIds } = manifest;
  const engine = new Engine({ name, runner: wrap(runner), tokenizer, eosTokenIds, overlong, prefixCache });
  return { engine, manifest, memory };
}

/** A loaded variant, and how its form was chosen: null where none was. */
export type Served = Awaited<ReturnType<typeof loadEngine>> & { tuning: Tuning | null };

export class SingleVariantServer implements InferenceTarget, AsyncDisposable {
  readonly name: string;
  readonly #options: ServerOptions;
  #loaded: Promise<Served> | null = null;
  #engine: Engine | null = null;

  /** Nothing is loaded before the first use; `create` loads at once. */
  constructor(options: ServerOptions) {
    this.name = `${options.model} ${options.variant}`;
    this.#options = options;
  }

  static async create(options: ServerOptions): Promise<SingleVariantServer> {
    const server = new SingleVariantServer(options);
    await server.start();
    return server;
  }

  /**
   * Finds or builds the variant and loads it; later calls give the same.
   * @throws {BadInput} where the model cannot be had or the device is not there.
   */
  start(): Promise<Served> {
    return this.#loaded ??= (async () => {
      await ensureDevice(this.#options.device); // what lacks shows before anything is downloaded or built
      const { dir, form, tuning } = await prepareVariant(this.#options);
      const loaded = await loadEngine(dir, { ...this.#options, form });
      this.#engine = loaded.engine;
      return { ...loaded, tuning };
    })();
  }

  /** What the engine is doing, or null before it is loaded. */
  get stats(): EngineStats | null {
    return this.#engine?.stats ?? null;
  }

  /**
   * Answers one prompt. A string is a user's message, put into the model's chat template where it has one;
   * `{ text }` is taken as it is.
   * @throws {RangeError} where the prompt does not fit or an option is out of its range.
   */
  async generate(
    prompt: PromptInput,
    options: GenerateOptions,
  ): Promise<Generation & { metrics: AnswerMetrics }> {
    const { engine } = await this.start();
    const generation = await engine.generate(asMessages(prompt), options);
    return { ...generation, metrics: answerMetrics(generation) };
  }

  /** Log-likelihoods of continuations; a string prompt is a user's message. */
  async score(
    prompt: PromptInput,
    continuations: readonly Continuation[],
    signal?: AbortSignal,
  ): Promise<ContinuationScore[]> {
    const { engine } = await this.start();
    return engine.score(asMessages(prompt), continuations, signal);
  }

  /** Ends the requests that it has and frees the model. */
  async close(): Promise<void> {
    const loaded = await this.#loaded?.catch(() => null);
    await loaded?.engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function asMessages(prompt: PromptInput): PromptInput {
  return typeof prompt === "string" ? { messages: [{ role: "user", content: prompt }] } : prompt;
}
