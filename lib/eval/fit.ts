/**
 * Prompts as token ids that fit a context, cut on the left as lm-evaluation-harness's `hf` model cuts them.
 *
 * @see https://github.com/EleutherAI/lm-evaluation-harness/blob/v0.4.13/lm_eval/models/huggingface.py
 */

/** How a model takes text. */
export interface Fit {
  /** Token ids of a text, with the special tokens that the model's tokenizer puts around it. */
  encode(text: string): number[];
  /** Most tokens of a request. */
  context: number;
}

export interface FittedPrompt {
  ids: number[];
  /** Tokens that were cut off on the left. */
  cut: number;
}

/** Keeps the end of a prompt, so that `maxTokens` have room behind it. */
export function fitPrompt({ encode, context }: Fit, text: string, maxTokens: number): FittedPrompt {
  const ids = encode(text);
  const kept = ids.slice(-(context - maxTokens));
  return { ids: kept, cut: ids.length - kept.length };
}

/**
 * Token ids of a prompt and of its continuations. A continuation's are what it adds to the prompt's: the two are
 * encoded as one text. The prompt's end is kept, so that the last token of the longest one, which is never run, is
 * alone outside the context.
 */
export function fitContinuations(
  { encode, context }: Fit,
  text: string,
  continuations: readonly string[],
): FittedPrompt & { continuations: number[][] } {
  const ids = encode(text);
  const parts = continuations.map((continuation) => encode(text + continuation).slice(ids.length));
  const longest = Math.max(...parts.map((part) => part.length));
  const kept = ids.slice(-(context + 1 - longest));
  return { ids: kept, cut: ids.length - kept.length, continuations: parts };
}
