/** A model that answers: prompts to token ids, the batcher over the runner, logits to text and scores. */
import type { Tokenizer } from "../checkpoint/tokenizer.ts";
import type {
  Continuation,
  ContinuationScore,
  GenerateOptions,
  Generation,
  InferenceTarget,
  PromptInput,
} from "../types/mod.ts";
import { Answer } from "./answer.ts";
import { Batcher, chunkBounds, type DecodeStep, type Job, type PrefillStep, type Step } from "./batcher.ts";
import type { StepRunner } from "./runner.ts";
import { argmax, checkSampling, logSumExp } from "./sampling.ts";
import { ScoredPrompts } from "./scored_prompts.ts";

/** What happens to a prompt longer than the context: an error, or its beginning is cut off. */
export type Overlong = "reject" | "truncate-left";

export interface EngineOptions {
  name: string;
  runner: StepRunner;
  /** Null for a model without one: it takes token ids and gives no text. */
  tokenizer: Tokenizer | null;
  eosTokenIds: readonly number[];
  overlong?: Overlong;
  /** Whether a prompt that begins like one whose KV is in a slot goes on from there (default false). */
  prefixCache?: boolean;
  /** Monotonic clock in ms. */
  now?: () => number;
}

/** What an engine is doing at a moment. */
export interface EngineStats {
  queued: number;
  running: number;
  slots: number;
  context: number;
  /** Prompt tokens of the requests that had a slot while the prefix cache was on. */
  prefixQueriedTokens: number;
  /** Those of them whose KV was there already. */
  prefixCachedTokens: number;
}

export class Engine implements InferenceTarget, AsyncDisposable {
  readonly name: string;
  readonly tokenizer: Tokenizer | null;
  readonly #runner: StepRunner;
  readonly #batcher: Batcher;
  readonly #eosTokenIds: readonly number[];
  readonly #overlong: Overlong;
  readonly #now: () => number;
  #prefixQueriedTokens = 0;
  #prefixCachedTokens = 0;
  readonly #scored: ScoredPrompts;

  constructor(options: EngineOptions) {
    this.name = options.name;
    this.tokenizer = options.tokenizer;
    this.#runner = options.runner;
    this.#batcher = new Batcher(options.runner);
    this.#scored = new ScoredPrompts(4 * options.runner.slots);
    this.#batcher.prefixCache = options.prefixCache ?? false;
    this.#eosTokenIds = options.eosTokenIds;
    this.#overlong = options.overlong ?? "reject";
    this.#now = options.now ?? (() => performance.now());
  }

  get stats(): EngineStats {
    const { slots, context } = this.#runner;
    return {
      queued: this.#batcher.queued,
      running: this.#batcher.running,
      slots,
      context,
      prefixQueriedTokens: this.#prefixQueriedTokens,
      prefixCachedTokens: this.#prefixCachedTokens,
    };
  }

  /** Whether prompts go on from KV that is in a slot; it changes no bit of any answer. */
  get prefixCache(): boolean {
    return this.#batcher.prefixCache;
  }
  set prefixCache(on: boolean) {
    this.#batcher.prefixCache = on;
  }

  /**
   * Answers one prompt. A string is plain text; messages get the model's chat template.
   * @throws {RangeError} where the prompt does not fit or an option is out of its range.
   */
  async generate(prompt: PromptInput, options: GenerateOptions): Promise<Generation> {
    const enqueuedAt = this.#now();
    checkSampling(options);
    const { ids, truncatedTokens } = this.#fit(prompt, options.maxTokens, options.requestId);
    const answer = new Answer(this.tokenizer, {
      ...options,
      eosTokenIds: this.#eosTokenIds,
      room: this.#runner.context - ids.length + 1,
      now: this.#now,
    });
    await this.#batcher.run(this.#answer(ids, answer, options.promptLogprobs), options.signal, ids);
    const { text, tokenIds, admittedAt, firstTokenAt, lastTokenAt, logprobs, promptLogprobs } = answer;
    return {
      text,
      tokenIds,
      finishReason: answer.finishReason ?? "abort",
      promptTokens: ids.length,
      outputTokens: tokenIds.length,
      contentTokens: tokenIds.length - Number(answer.ended),
      truncatedTokens,
      cachedTokens: answer.cachedTokens,
      enqueuedAt,
      admittedAt,
      firstTokenAt,
      lastTokenAt,
      doneAt: this.#now(),
      ...(options.logprobs === undefined ? {} : { logprobs }),
      ...(options.promptLogprobs === undefined ? {} : { promptLogprobs }),
    };
  }

  /**
   * Log-likelihoods of continuations after a prompt, from one pass over the prompt. A continuation of one token
   * costs nothing more; a longer one runs the prompt's last chunk again with its own tokens behind.
   * @throws {RangeError} where a continuation has no token or does not fit behind the prompt.
   * @throws the signal's reason where it comes first.
   */
  async score(
    prompt: PromptInput,
    continuations: readonly Continuation[],
    signal?: AbortSignal,
  ): Promise<ContinuationScore[]> {
    const { tokenizer } = this;
    if (tokenizer === null) throw new TypeError(`Cannot score text as ${this.name} must have a tokenizer`);
    const parts = continuations.map((continuation) =>
      typeof continuation === "string"
        ? tokenizer.encode(continuation, { addSpecialTokens: false })
        : [...continuation]
    );
    const empty = parts.findIndex((part) => part.length === 0);
    if (empty >= 0) {
      throw new RangeError(
        `Cannot score a continuation as it must have a token: it is ${JSON.stringify(continuations[empty])}`,
      );
    }
    if (parts.length === 0) return [];
    const longest = Math.max(...parts.map((part) => part.length));
    const { ids } = this.#fit(prompt, longest);
    if (ids.length + longest - 1 > this.#runner.context) {
      throw new RangeError(
        `Cannot score a continuation as it must fit the ${this.#runner.context}-token KV slot behind its prompt: ` +
          `they have ${ids.length} and ${longest} tokens`,
      );
    }
    const scores = await this.#batcher.run(this.#score(ids, parts), signal, ids);
    if (scores === undefined) throw signal!.reason;
    return scores;
  }

  /** Takes no more requests, ends those that it has, and frees the model. */
  close(): Promise<void> {
    return this.#batcher.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Token ids of a prompt that fit a slot, with room for the output where they have to be cut. */
  #fit(
    prompt: PromptInput,
    outputTokens: number,
    requestId?: string,
  ): { ids: readonly number[]; truncatedTokens: number } {
    const { context, vocabSize } = this.#runner;
    const admit = `Cannot admit ${requestId === undefined ? "a request" : `request ${requestId}`} as`;
    let ids: readonly number[];
    if (typeof prompt === "object" && "ids" in prompt) {
      ids = prompt.ids;
      const bad = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
      if (bad !== undefined) {
        throw new RangeError(`${admit} its token ids must be below ${vocabSize}: one is ${bad}`);
      }
    } else if (this.tokenizer === null) {
      throw new TypeError(`${admit} its prompt must be token ids: ${this.name} has no tokenizer`);
    } else {
      ids = this.tokenizer.promptIds(prompt);
    }
    if (ids.length === 0) throw new RangeError(`${admit} its prompt must have a token: it is empty`);
    if (ids.length <= context) return { ids, truncatedTokens: 0 };
    if (this.#overlong === "reject") {
      throw new RangeError(
        `${admit} its prompt must fit the ${context}-token KV slot: it has ${ids.length} tokens`,
      );
    }
    const kept = Math.max(context - outputTokens + 1, Math.ceil(context / 2));
    return { ids: ids.slice(-kept), truncatedTokens: ids.length - kept };
  }

  /**
   * Steps over the prompt's positions [0, to); gives the logits of the last one, where they are asked for.
   * @param count takes the tokens of each chunk whose KV was there
   */
  *#prefill(
    ids: readonly number[],
    to: number,
    last: "none" | "last",
    count?: { cachedTokens: number },
  ): Generator<Step, Float32Array, Float32Array> {
    if (this.prefixCache) this.#prefixQueriedTokens += ids.length;
    let logits!: Float32Array;
    for (const [start, end] of chunkBounds(0, to, this.#runner.chunk)) {
      const rows = end === to ? last : "none";
      const step: PrefillStep = { kind: "prefill", ids: ids.slice(start, end), start, rows };
      logits = yield step;
      if (!step.cached) continue;
      this.#prefixCachedTokens += end - start;
      if (count) count.cachedTokens += end - start;
    }
    return logits;
  }

  /**
   * Steps over the prompt with the logits of all its positions, a chunk's at a time; gives those of the last. With
   * the prefix cache a chunk whose tokens were scored before needs none.
   * @param top how many of the likeliest tokens are told
   */
  *#scorePrompt(
    ids: readonly number[],
    answer: Answer,
    top: number,
  ): Generator<Step, Float32Array, Float32Array> {
    const { chunk, vocabSize } = this.#runner;
    if (this.prefixCache) {
      this.#prefixQueriedTokens += ids.length;
      this.#scored.keep(ids, top, answer.promptLogprobs);
    }
    let row!: Float32Array;
    for (const [start, end] of chunkBounds(0, ids.length, chunk)) {
      const known = this.prefixCache && end < ids.length
        ? this.#scored.find(ids, top, start + 1, end + 1)
        : null;
      const step: PrefillStep = {
        kind: "prefill",
        ids: ids.slice(start, end),
        start,
        rows: known ? "none" : [0, end - start],
      };
      const logits = yield step;
      if (known) answer.promptLogprobs.push(...known);
      else {
        for (let at = start; at < end; at++) {
          row = logits.subarray((at - start) * vocabSize, (at - start + 1) * vocabSize);
          if (at + 1 < ids.length) answer.acceptPrompt(row, ids[at + 1]);
        }
      }
      if (!step.cached) continue;
      this.#prefixCachedTokens += end - start;
      answer.cachedTokens += end - start;
    }
    return row;
  }

  /** @param top how many of the likeliest tokens are told in each of the prompt's places; undefined: none is scored */
  *#answer(ids: readonly number[], answer: Answer, top: number | undefined): Job<void> {
    answer.admittedAt = this.#now();
    let logits = top !== undefined
      ? yield* this.#scorePrompt(ids, answer, top)
      : yield* this.#prefill(ids, ids.length, "last", answer);
    const step: DecodeStep = { kind: "decode", tokenId: 0, position: ids.length };
    for (;; step.position++) {
      step.tokenId = answer.accept(logits);
      if (answer.finishReason !== null) return;
      logits = yield step;
    }
  }

  *#score(ids: readonly number[], parts: readonly number[][]): Job<ContinuationScore[]> {
    const { chunk, vocabSize } = this.#runner;
    const last = ids.length - 1;
    /** Where the prompt's last chunk begins: what precedes it is run once. */
    const shared = last - last % chunk;
    const scores = parts.map((part) => ({ logprob: 0, tokens: part.length, isGreedy: true }));
    const read = (logits: Float32Array) => ({ logits, total: logSumExp(logits), best: argmax(logits) });
    const add = (part: number, tokenId: number, { logits, total, best }: ReturnType<typeof read>) => {
      scores[part].logprob += logits[tokenId] - total;
      scores[part].isGreedy &&= best === tokenId;
    };

    if (parts.some((part) => part.length === 1)) {
      const row = read(yield* this.#prefill(ids, ids.length, "last"));
      parts.forEach((part, i) => part.length === 1 && add(i, part[0], row));
    } else {
      yield* this.#prefill(ids, shared, "none");
    }
    for (const [i, part] of parts.entries()) {
      if (part.length === 1) continue;
      const all = [...ids, ...part.slice(0, -1)];
      for (const [start, end] of chunkBounds(shared, all.length, chunk)) {
        const from = Math.max(last, start);
        const logits = yield {
          kind: "prefill",
          ids: all.slice(start, end),
          start,
          rows: from < end ? [from - start, end - start] : "none",
        };
        for (let at = from; at < end; at++) {
          const row = logits.subarray((at - from) * vocabSize, (at - from + 1) * vocabSize);
          add(i, part[at - last], read(row));
        }
      }
    }
    return scores;
  }
}
