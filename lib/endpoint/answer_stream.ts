/**
 * From the chunks of a streamed answer to what it says: text, tokens, when the first and the last one came.
 *
 * A chunk is tolerated whatever else it holds. What counts as content: text of the answer or of the reasoning before
 * it. A chunk of several tokens arrives once, and counts as what `usage` says.
 */
import { createParser } from "eventsource-parser";
import type { FinishReason } from "../types/mod.ts";
import { messageOf } from "../std/errors.ts";
import { EndpointError } from "./errors.ts";

/** Which of the protocol's two endpoints answers. */
export type Api = "chat" | "completions";

/** What is read of a chunk; servers send more, and null for anything. */
interface Chunk {
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; reasoning?: string | null } | null;
    text?: string | null;
    finish_reason?: string | null;
    logprobs?: {
      content?: { logprob: number }[] | null;
      token_logprobs?: (number | null)[] | null;
    } | null;
  }[] | null;
  usage?: Usage | null;
  error?: unknown;
}

interface Usage {
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
}

/** What an answer was, once its stream has ended. */
export interface StreamedAnswer {
  text: string;
  finishReason: FinishReason;
  /** Null where the server does not say. */
  promptTokens: number | null;
  outputTokens: number;
  contentTokens: number;
  firstTokenAt: number;
  lastTokenAt: number;
  /** Of each token, as far as the server sends them. */
  logprobs: number[];
}

export interface AnswerStreamOptions {
  api: Api;
  /** Sees each chunk with content, and the number of those before it. */
  onContent?: (text: string, index: number, at: number) => void;
  /** Monotonic clock in ms. */
  now: () => number;
}

export class AnswerStream {
  text = "";
  /** When the last byte came. */
  lastByteAt: number | null = null;
  firstTokenAt: number | null = null;
  lastTokenAt: number | null = null;
  /** Chunks with content. */
  contentChunks = 0;
  /** Whether `[DONE]` has come. */
  done = false;
  #finishReason: string | null = null;
  #finishedAt: number | null = null;
  #usage: Usage | null = null;
  readonly #logprobs: number[] = [];
  readonly #options: AnswerStreamOptions;
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({ onEvent: ({ data }) => this.#event(data) });

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
  }

  /**
   * Takes a piece of the body.
   * @throws {EndpointError} `malformed` for an event that is no JSON object, `stream_error` for an error in it.
   */
  push(bytes: Uint8Array): void {
    this.lastByteAt = this.#options.now();
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
  }

  /**
   * Sums the answer up.
   * @throws {EndpointError} `cut_stream` where it has no end, `empty` where it has no token.
   */
  end(): StreamedAnswer {
    if (this.#finishReason === null) {
      throw this.text === "" && this.done
        ? new EndpointError("empty", "Cannot use the answer as it must have a token: it ended without one")
        : new EndpointError(
          "cut_stream",
          "Cannot read the answer as it must say why it ends: its stream was cut",
        );
    }
    const finishReason = this.#finishReason === "length" || this.#finishReason === "abort"
      ? this.#finishReason
      : "stop";
    const outputTokens = this.#usage?.completion_tokens ?? this.contentChunks;
    // An answer may consist of an end token, or of tokens without text.
    const firstTokenAt = this.firstTokenAt ?? (outputTokens > 0 ? this.#finishedAt : null);
    if (firstTokenAt === null) {
      throw new EndpointError("empty", "Cannot use the answer as it must have a token: it ended without one");
    }
    return {
      text: this.text,
      finishReason,
      promptTokens: this.#usage?.prompt_tokens ?? null,
      outputTokens,
      // The count includes the end token, unless as many chunks with content came.
      contentTokens: Math.min(
        outputTokens,
        Math.max(this.contentChunks, outputTokens - Number(finishReason === "stop")),
      ),
      firstTokenAt,
      lastTokenAt: this.lastTokenAt ?? firstTokenAt,
      logprobs: this.#logprobs,
    };
  }

  #event(data: string): void {
    if (data === "[DONE]") {
      this.done = true;
      return;
    }
    if (this.done) return;
    let chunk: Chunk;
    try {
      chunk = JSON.parse(data);
    } catch (thrown) {
      throw new EndpointError(
        "malformed",
        `Cannot read the answer as each event must be JSON: ${messageOf(thrown)}`,
      );
    }
    if (typeof chunk !== "object" || chunk === null) {
      throw new EndpointError(
        "malformed",
        `Cannot read the answer as each event must be an object: one is ${data}`,
      );
    }
    if (chunk.error) {
      throw new EndpointError(
        "stream_error",
        `Cannot finish the answer as the server failed: ${errorText(chunk)}`,
      );
    }
    if (chunk.usage) this.#usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const { delta } = choice;
    const text = (this.#options.api === "chat" ? delta?.content : choice.text) ?? "";
    const reasoning = delta?.reasoning_content ?? delta?.reasoning ?? "";
    if (text !== "" || reasoning !== "") {
      const at = this.lastByteAt!;
      this.text += text;
      this.firstTokenAt ??= at;
      this.lastTokenAt = at;
      this.#options.onContent?.(text, this.contentChunks++, at);
    }
    const { logprobs } = choice;
    if (logprobs) {
      const values = logprobs.content?.map((token) => token.logprob) ?? logprobs.token_logprobs ?? [];
      for (const value of values) if (value !== null) this.#logprobs.push(value);
    }
    if (choice.finish_reason) {
      this.#finishReason = choice.finish_reason;
      this.#finishedAt = this.lastByteAt;
    }
  }
}

/** The message in an error of the protocol, whichever form a server gives it. */
export function errorText(body: unknown): string {
  const { error, message, detail } = (body ?? {}) as Record<string, unknown>;
  const text = (error as Record<string, unknown> | null)?.message ?? message ?? detail ?? error ?? body;
  return messageOf(typeof text === "string" ? text : JSON.stringify(text)).slice(0, 500);
}
