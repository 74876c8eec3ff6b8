/** One answer in the making: logits in, tokens and text out, until something ends it. */
import type { StreamDecoder, Tokenizer } from "../checkpoint/tokenizer.ts";
import type { FinishReason, GenerateOptions, Generation, TokenEvent } from "../types/mod.ts";
import { createSampler, logSumExp, topLogprobs } from "./sampling.ts";
import { StopMatcher } from "./stop_matcher.ts";

export interface AnswerOptions extends GenerateOptions {
  /** The model's end tokens. */
  eosTokenIds: readonly number[];
  /** Most output tokens that the context has room for. */
  room: number;
  now: () => number;
}

export class Answer {
  readonly tokenIds: number[] = [];
  text = "";
  finishReason: FinishReason | null = null;
  admittedAt: number | null = null;
  firstTokenAt: number | null = null;
  lastTokenAt: number | null = null;
  /** Whether the last token is an end token. */
  ended = false;
  readonly logprobs: NonNullable<Generation["logprobs"]> = [];
  readonly #options: AnswerOptions;
  readonly #maxTokens: number;
  readonly #ends: ReadonlySet<number>;
  readonly #sample: (logits: Float32Array) => number;
  readonly #decoder: StreamDecoder | null;
  readonly #stops: StopMatcher;

  /** @param tokenizer null for a model that has none: the text stays empty */
  constructor(tokenizer: Tokenizer | null, options: AnswerOptions) {
    this.#options = options;
    this.#maxTokens = Math.min(options.maxTokens, options.room);
    this.#ends = new Set([...(options.ignoreEos ? [] : options.eosTokenIds), ...(options.stopTokens ?? [])]);
    this.#sample = createSampler(options);
    this.#decoder = tokenizer?.streamDecoder() ?? null;
    this.#stops = new StopMatcher(options.stop ?? []);
  }

  /** Takes the logits after the last token, float32 [vocab], and gives the next token's id. */
  accept(logits: Float32Array): number {
    const { now, logprobs, onToken } = this.#options;
    const tokenId = this.#sample(logits);
    const index = this.tokenIds.push(tokenId) - 1;
    this.ended = this.#ends.has(tokenId);

    let text = this.ended ? "" : this.#stops.push(this.#decoder?.push(tokenId) ?? "");
    if (this.ended || this.#stops.stopped) this.finishReason = "stop";
    else if (this.tokenIds.length === this.#maxTokens) this.finishReason = "length";
    if (this.finishReason !== null && !this.#stops.stopped) {
      text += this.#stops.push(this.#decoder?.flush() ?? "");
      if (this.#stops.stopped) this.finishReason = "stop";
      text += this.#stops.flush();
    }
    this.text += text;

    const event: TokenEvent = { tokenId, text, index, at: now() };
    this.firstTokenAt ??= event.at;
    if (!this.ended || index === 0) this.lastTokenAt = event.at; // an end token is no content
    if (logprobs !== undefined) {
      const total = logSumExp(logits);
      event.logprob = logits[tokenId] - total;
      event.topLogprobs = topLogprobs(logits, logprobs, total);
      this.logprobs.push({ logprob: event.logprob, top: event.topLogprobs });
    }
    onToken?.(event);
    return tokenId;
  }
}
