/** What can be asked of a model, and what comes back: the contract of engines and endpoints alike. */
import type { Message } from "./example.ts";

/** A prompt as chat messages (the model's template is applied), as plain text, or as token ids. */
export type PromptInput = string | { messages: Message[] } | { text: string } | { ids: readonly number[] };

export interface SamplingOptions {
  /** Most output tokens, the end token included. */
  maxTokens: number;
  /** 0 (default) is greedy. */
  temperature?: number;
  /** Nucleus: the smallest set of tokens whose probability reaches it (default 1). */
  topP?: number;
  /** The k most likely tokens (default 0: all). */
  topK?: number;
  seed?: number;
  /** Strings that end the answer; they are not part of it. */
  stop?: readonly string[];
  /** Token ids that end the answer besides the model's own. */
  stopTokens?: readonly number[];
  ignoreEos?: boolean;
  /** Output tokens before which nothing but maxTokens ends the answer (default 0). */
  minTokens?: number;
  /** How many of the likeliest tokens' log-probabilities come with each token (undefined: none, 0: the chosen one's). */
  logprobs?: number;
  /** The same for the prompt's tokens, from the one pass over the prompt. */
  promptLogprobs?: number;
}

/** A token's natural log-probability under the model (before temperature), and the likeliest tokens' in its place. */
export interface TokenLogprob {
  logprob: number;
  top: [tokenId: number, logprob: number][];
}

/** One output token, as it is made. */
export interface TokenEvent {
  /** -1 where the target does not tell ids (an endpoint). */
  tokenId: number;
  /** The text that this token adds (may be empty inside a multi-byte character). */
  text: string;
  /** Position in the output, from 0. */
  index: number;
  /** Monotonic ms (`performance.now()`). */
  at: number;
  /** Natural log-probability under the model (before temperature), where asked for. */
  logprob?: number;
  topLogprobs?: [tokenId: number, logprob: number][];
  /** Of the last token. */
  finishReason?: FinishReason;
}

export interface GenerateOptions extends SamplingOptions {
  signal?: AbortSignal;
  onToken?: (event: TokenEvent) => void;
  /** Names the request in errors and logs. */
  requestId?: string;
}

/** `stop`: an end token or a stop string; `length`: maxTokens or the context is used up. */
export type FinishReason = "stop" | "length" | "abort";

/** A finished answer with its monotonic stamps in ms (`performance.now()`). */
export interface Generation {
  text: string;
  /** Empty where the target does not tell ids (an endpoint). */
  tokenIds: number[];
  finishReason: FinishReason;
  /** 0 where an endpoint does not say. */
  promptTokens: number;
  /** All output tokens, the end token included (as vLLM and llama.cpp count). */
  outputTokens: number;
  /** Output tokens without the end token: TPOT's divisor is this less one. */
  contentTokens: number;
  /** Prompt tokens cut off on the left (`--overlong truncate-left`). */
  truncatedTokens: number;
  /** Prompt tokens whose KV was there from an earlier prompt, where the target says. */
  cachedTokens?: number;
  /** Handed to the engine or sent to the endpoint. */
  enqueuedAt: number;
  /** Left the queue for a slot; null where the target does not say (an endpoint). */
  admittedAt: number | null;
  firstTokenAt: number | null;
  lastTokenAt: number | null;
  doneAt: number;
  /** Per output token, where `logprobs` was asked for. */
  logprobs?: TokenLogprob[];
  /** Per prompt token, where `promptLogprobs` was asked for; nothing precedes the first. */
  promptLogprobs?: (TokenLogprob | null)[];
}

/** What follows a prompt, as text or as token ids. */
export type Continuation = string | readonly number[];

/** Natural log-likelihood of one continuation after a prompt. */
export interface ContinuationScore {
  logprob: number;
  tokens: number;
  /** Whether each token was the likeliest one. */
  isGreedy: boolean;
}

/** What load generators and evaluators drive: the in-process engine or an endpoint. */
export interface InferenceTarget {
  readonly name: string;
  /**
   * Answers one prompt.
   * @throws {RangeError} where the prompt does not fit; an `AbortError` never: an abort resolves with `finishReason: "abort"`.
   */
  generate(prompt: PromptInput, options: GenerateOptions): Promise<Generation>;
  /** Log-likelihoods of continuations after a prompt, where the target can tell them. */
  score?(
    prompt: PromptInput,
    continuations: readonly Continuation[],
    signal?: AbortSignal,
  ): Promise<ContinuationScore[]>;
}
