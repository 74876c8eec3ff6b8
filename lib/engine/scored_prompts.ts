/**
 * The log-probabilities of the last prompts whose tokens were scored, so that a prompt that begins like one of them
 * needs no logits there: four answers to one question, each scored behind the same prompt, cost little more than
 * one.
 */
import type { TokenLogprob } from "../types/mod.ts";

/** Of each token, null for the first, which nothing precedes. */
export type PromptLogprobs = (TokenLogprob | null)[];

interface Scored {
  ids: readonly number[];
  /** How many of the likeliest tokens are told. */
  top: number;
  /** Of the prompt's tokens up to where it is scored by now. */
  logprobs: PromptLogprobs;
}

export class ScoredPrompts {
  readonly #kept: Scored[] = [];
  readonly #most: number;

  /** @param most prompts that are kept */
  constructor(most: number) {
    this.#most = most;
  }

  /** Keeps a prompt's log-probabilities, which may still be growing, and forgets the oldest prompt. */
  keep(ids: readonly number[], top: number, logprobs: PromptLogprobs): void {
    this.#kept.unshift({ ids, top, logprobs });
    if (this.#kept.length > this.#most) this.#kept.pop();
  }

  /**
   * Finds the log-probabilities of the tokens [from, to) of a prompt.
   * @returns null where no prompt that is kept has the same tokens up to `to`
   */
  find(ids: readonly number[], top: number, from: number, to: number): PromptLogprobs | null {
    const same = this.#kept.find((scored) =>
      scored.top === top && scored.logprobs.length >= to && beginAlike(scored.ids, ids, to)
    );
    return same?.logprobs.slice(from, to) ?? null;
  }
}

function beginAlike(a: readonly number[], b: readonly number[], count: number): boolean {
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}
