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
  /** Prompt tokens whose KV was there. */
  cachedTokens = 0;
  readonly logprobs: NonNullable<Generation["logprobs"]> = [];
  readonly promptLogprobs: NonNullable<Generation["promptLogprobs"]> = [null];
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
    const { now, logprobs, onToken, minTokens = 0 } = this.#options;
    const mayEnd = this.tokenIds.length >= minTokens;
    const tokenId = mayEnd ? this.#sample(logits) : this.#sampleOnward(logits);
    const index = this.tokenIds.push(tokenId) - 1;
    this.ended = this.#ends.has(tokenId);

    let text = this.ended ? "" : this.#decoder?.push(tokenId) ?? "";
    if (mayEnd) text = this.#stops.push(text);
    if (this.ended || this.#stops.stopped) this.finishReason = "stop";
    else if (this.tokenIds.length === this.#maxTokens) this.finishReason = "length";
    if (this.finishReason !== null && !this.#stops.stopped) {
      text += this.#stops.push(this.#decoder?.flush() ?? "");
      if (this.#stops.stopped) this.finishReason = "stop";
      text += this.#stops.flush();
    }
    this.text += text;

    const event: TokenEvent = { tokenId, text, index, at: now() };
    if (this.finishReason !== null) event.finishReason = this.finishReason;
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

  /** Takes the logits, float32 [vocab], in whose place the prompt has a token. */
  acceptPrompt(logits: Float32Array, tokenId: number): void {
    const total = logSumExp(logits);
    const top = topLogprobs(logits, this.#options.promptLogprobs!, total);
    this.promptLogprobs.push({ logprob: logits[tokenId] - total, top });
  }

  /** Chooses a token that does not end the answer. */
  #sampleOnward(logits: Float32Array): number {
    const ends = [...this.#ends], kept = ends.map((id) => logits[id]);
    for (const id of ends) logits[id] = -Infinity;
    try {
      return this.#sample(logits);
    } finally {
      ends.forEach((id, i) => logits[id] = kept[i]);
    }
  }
}
