/** Single tokens as text, and the two forms in which log-probabilities are told. */
import type { Tokenizer } from "../checkpoint/tokenizer.ts";
import type { TokenLogprob } from "../types/mod.ts";

/** A token with its log-probability; null for a prompt's first token, which nothing precedes. */
export interface ScoredToken {
  tokenId: number;
  scored: TokenLogprob | null;
}

/** `logprobs.content[]` of chat completions. */
interface ChatToken {
  token: string;
  logprob: number;
  /** UTF-8; null for a token that is not made of whole characters. */
  bytes: number[] | null;
}

/** `logprobs` of completions. */
export interface LegacyLogprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  /** The likeliest tokens and the chosen one. */
  top_logprobs: (Record<string, number> | null)[];
  /** Where each token begins in the choice's text. */
  text_offset: number[];
}

/** JSON has no -Infinity: the least that is told, as vLLM has it. */
const LEAST_LOGPROB = -9999;
const told = (logprob: number) => Math.max(logprob, LEAST_LOGPROB);

const encoder = new TextEncoder();

export class TokenTexts {
  readonly #tokenizer: Tokenizer;
  readonly #texts: string[] = [];
  /** A text before each token, so that a leading space is not taken for the beginning of a text. */
  readonly #before: number[];
  readonly #beforeLength: number;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#before = tokenizer.encode("a", { addSpecialTokens: false });
    this.#beforeLength = this.join(this.#before).length;
  }

  /** The text of token ids, special tokens included. */
  join(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecialTokens: false });
  }

  /** What a token adds to a text. */
  of(tokenId: number): string {
    return this.#texts[tokenId] ??= this.join([...this.#before, tokenId]).slice(this.#beforeLength);
  }

  chat(tokens: readonly { tokenId: number; scored: TokenLogprob }[]): unknown {
    const content = tokens.map(({ tokenId, scored }) => ({
      ...this.#chatToken(tokenId, scored.logprob),
      top_logprobs: scored.top.map(([id, logprob]) => this.#chatToken(id, logprob)),
    }));
    return { content, refusal: null };
  }

  /** @param offset characters of the choice's text before these tokens */
  legacy(tokens: readonly ScoredToken[], offset: number): LegacyLogprobs {
    const out: LegacyLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const { tokenId, scored } of tokens) {
      const text = this.of(tokenId);
      out.tokens.push(text);
      out.text_offset.push(offset);
      offset += text.length;
      out.token_logprobs.push(scored && told(scored.logprob));
      out.top_logprobs.push(scored && this.#byText([...scored.top, [tokenId, scored.logprob]]));
    }
    return out;
  }

  #chatToken(tokenId: number, logprob: number): ChatToken {
    const token = this.of(tokenId);
    return {
      token,
      logprob: told(logprob),
      bytes: token.includes("\uFFFD") ? null : [...encoder.encode(token)],
    };
  }

  /** Of tokens with equal texts the likeliest one stays: the first. */
  #byText(tokens: TokenLogprob["top"]): Record<string, number> {
    const byText = new Map<string, number>();
    for (const [id, logprob] of tokens) {
      const text = this.of(id);
      if (!byText.has(text)) byText.set(text, told(logprob));
    }
    return Object.fromEntries(byText);
  }
}
