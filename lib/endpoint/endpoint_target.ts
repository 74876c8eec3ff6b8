/**
 * An OpenAI-compatible server as a target of load and evaluation.
 *
 * ```ts
 * await using target = await EndpointTarget.connect({ baseUrl: "http://127.0.0.1:8000/v1" });
 * const answer = await target.generate("Hello", { maxTokens: 16 });
 * ```
 *
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 */
import { BadInput, messageOf } from "../std/errors.ts";
import type {
  Continuation,
  ContinuationScore,
  GenerateOptions,
  Generation,
  InferenceTarget,
  PromptInput,
} from "../types/mod.ts";
import { AnswerStream, type Api } from "./answer_stream.ts";
import { Channel, type ChannelOptions } from "./channel.ts";
import { EndpointError } from "./errors.ts";
import { requestBody } from "./request_body.ts";
import { scoreByEcho } from "./score.ts";

export interface EndpointOptions extends ChannelOptions {
  /** `http://host:port/v1`; without a path `/v1` is added. */
  baseUrl: string;
  /** Default: the one that `/v1/models` lists. */
  model?: string;
  /** Where messages go; text and token ids always go to `/completions` (default `chat`). */
  api?: Api;
}

/** A model of `/v1/models`. */
export interface ListedModel {
  id: string;
  /** As vLLM and slolab tell it. */
  maxModelLen: number | null;
}

/**
 * Reads a base address.
 * @throws {BadInput} where it is none.
 */
export function readBaseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new BadInput(
      `Cannot use an endpoint as its address must look like http://host:port/v1: it is '${text}'`,
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "") || "/v1";
  return url;
}

export class EndpointTarget implements InferenceTarget, AsyncDisposable {
  readonly name: string;
  readonly model: string;
  readonly baseUrl: string;
  readonly api: Api;
  readonly #path: string;
  readonly #channel: Channel;
  readonly #now: () => number;

  /** Nothing is sent before the first use; `connect` finds the model. */
  constructor(options: EndpointOptions & { model: string }) {
    const url = readBaseUrl(options.baseUrl);
    this.#path = url.pathname;
    this.#now = options.now ?? (() => performance.now());
    this.#channel = new Channel(url, options);
    this.model = options.model;
    this.baseUrl = url.href;
    this.api = options.api ?? "chat";
    this.name = `${options.model} at ${url.host}`;
  }

  /**
   * Makes a target, asking the server for its model where none is named.
   * @throws {BadInput} where the address is none, or the server does not list exactly one model.
   * @throws {EndpointError} where the server cannot be reached.
   */
  static async connect(options: EndpointOptions): Promise<EndpointTarget> {
    if (options.model !== undefined) return new EndpointTarget({ ...options, model: options.model });
    await using asking = new EndpointTarget({ ...options, model: "" });
    const ids = (await asking.listModels()).map((m) => m.id);
    if (ids.length !== 1) {
      throw new BadInput(
        `Cannot choose a model of ${asking.baseUrl} as it must serve one, or one must be named: it serves ` +
          (ids.join(", ") || "none"),
      );
    }
    return new EndpointTarget({ ...options, model: ids[0] });
  }

  /** What `/v1/models` lists. @throws {EndpointError} where it cannot be had. */
  async listModels(): Promise<ListedModel[]> {
    const listed = await this.#channel.fetchJson("GET", `${this.#path}/models`) as {
      data?: { id?: unknown; max_model_len?: unknown }[];
    };
    const models = Array.isArray(listed?.data) ? listed.data : [];
    return models.flatMap(({ id, max_model_len: length }) =>
      typeof id === "string" ? [{ id, maxModelLen: typeof length === "number" ? length : null }] : []
    );
  }

  /**
   * Tokens that prompt and answer may have together; null where the server does not say.
   * @throws {EndpointError} where it cannot be connected to.
   */
  async contextLength(): Promise<number | null> {
    try {
      return (await this.listModels()).find((m) => m.id === this.model)?.maxModelLen ?? null;
    } catch (thrown) {
      if (thrown instanceof EndpointError && /^(refused|unreachable|connect_timeout)$/.test(thrown.kind)) {
        throw thrown;
      }
      return null;
    }
  }

  /**
   * Answers one prompt. A string is a user's message for `chat`, plain text for `completions`, where messages are
   * joined by empty lines.
   * @throws {RangeError} where the server says that the prompt does not fit.
   * @throws {EndpointError} for everything else that goes wrong.
   */
  async generate(prompt: PromptInput, options: GenerateOptions): Promise<Generation> {
    const { signal, onToken } = options;
    const { api, body } = requestBody(prompt, options, this.api, this.model);
    const onContent = onToken &&
      ((text: string, index: number, at: number) => onToken({ tokenId: -1, text, index, at }));
    const path = `${this.#path}/${api === "chat" ? "chat/completions" : "completions"}`;
    let stream: AnswerStream | null = null;
    const begin = () => stream = new AnswerStream({ api, onContent, now: this.#now });
    const common = {
      tokenIds: [],
      promptTokens: typeof prompt === "object" && "ids" in prompt ? prompt.ids.length : 0,
      truncatedTokens: 0,
      enqueuedAt: this.#now(),
      admittedAt: null,
    };
    try {
      const { promptTokens, logprobs, ...answer } = await this.#channel.stream(path, body, begin, options);
      return {
        ...common,
        ...answer,
        promptTokens: promptTokens ?? common.promptTokens,
        doneAt: this.#now(),
        ...(options.logprobs !== undefined &&
          { logprobs: logprobs.map((logprob) => ({ logprob, top: [] })) }),
      };
    } catch (thrown) {
      if (!signal?.aborted) throw thrown;
      const { text = "", firstTokenAt = null, lastTokenAt = null, contentChunks = 0 } = stream! ?? {};
      const counted = { outputTokens: contentChunks, contentTokens: contentChunks };
      const finishReason = "abort";
      return { ...common, text, finishReason, ...counted, firstTokenAt, lastTokenAt, doneAt: this.#now() };
    }
  }

  /**
   * Log-likelihoods of continuations after a prompt, by `/completions` with `echo` and `logprobs`.
   * @throws {EndpointError} `unsupported` where the server does not echo log-probabilities, or does not tokenize what is
   * no text.
   */
  score(
    prompt: PromptInput,
    continuations: readonly Continuation[],
    signal?: AbortSignal,
  ): Promise<ContinuationScore[]> {
    const { model, name } = this;
    const post = (path: string, body: unknown) => this.#channel.fetchJson("POST", path, body, signal);
    return scoreByEcho({ model, name, post }, this.#path, prompt, continuations);
  }

  /**
   * Why the server cannot score behind such a prompt, or null where it can.
   * @throws {EndpointError} where it cannot be asked.
   */
  async whyNotScore(prompt: PromptInput = { text: "The answer is" }): Promise<string | null> {
    try {
      await this.score(prompt, [" A", " B"]);
      return null;
    } catch (thrown) {
      if (thrown instanceof EndpointError && /^(unsupported|http_4(00|04|05|22))$/.test(thrown.kind)) {
        return messageOf(thrown);
      }
      throw thrown;
    }
  }

  /** Closes the connections; requests under way fail. */
  close(): Promise<void> {
    this.#channel.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
