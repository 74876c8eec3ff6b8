/**
 * What load is made of: questions as they are, or prompts of exact token lengths with answers of exact token lengths.
 *
 * A sized prompt is a list of the model's token ids, without a chat template: nothing but its length matters. It
 * begins at a seeded place of real text or of random words, so that no two share a beginning by design.
 */
import type { Tokenizer } from "../checkpoint/tokenizer.ts";
import { createRandom, type Random, shuffle } from "../math/mod.ts";
import { buildPrompt, toMessages } from "../prompts/mod.ts";
import { BadInput } from "../std/errors.ts";
import type { Example, GenerateOptions, PromptInput } from "../types/mod.ts";
import type { LoadItem } from "./level.ts";
import type { TokenLengths } from "./trace.ts";

/** A prompt, and how its answer is bounded. */
export interface LoadPrompt extends LoadItem {
  prompt: PromptInput;
  options: Pick<GenerateOptions, "maxTokens" | "minTokens" | "ignoreEos">;
}

/** What did not fit the context. */
export interface Clipped {
  /** Prompts cut so that prompt and answer fit. */
  prompts: number;
  /** Answers cut. */
  answers: number;
}

/** Questions as the evaluation puts them, without shots. */
export function questionPrompts(
  examples: readonly Example[],
  maxTokensOf: (example: Example) => number,
): LoadPrompt[] {
  return examples.map((example) => ({
    id: example.id,
    dataset: example.dataset,
    prompt: { messages: toMessages(buildPrompt(example, example.dataset)) },
    options: { maxTokens: maxTokensOf(example) },
  }));
}

/** Cuts lengths to a context: the answer leaves a token for the prompt, the prompt leaves the answer's. */
export function clipLengths(
  lengths: readonly TokenLengths[],
  context: number,
): { lengths: TokenLengths[]; clipped: Clipped } {
  const clipped = { prompts: 0, answers: 0 };
  const cut = lengths.map(({ inputTokens, outputTokens }) => {
    const output = Math.min(Math.max(1, outputTokens), context - 1);
    const input = Math.min(Math.max(1, inputTokens), context - output);
    if (input < inputTokens) clipped.prompts++;
    if (output < outputTokens) clipped.answers++;
    return { inputTokens: input, outputTokens: output };
  });
  return { lengths: cut, clipped };
}

export interface SizedPromptOptions {
  tokenizer: Tokenizer;
  /** Real text to cut prompts from; without it they are random words. */
  examples?: readonly Example[];
  seed: number;
}

/**
 * Makes prompts of exactly so many tokens, the tokenizer's own at the beginning counted, whose answers are exactly as
 * long as asked for.
 * @throws {BadInput} where the tokenizer has no words to make prompts of, or the examples are empty.
 */
export function sizedPrompts(
  lengths: readonly TokenLengths[],
  { tokenizer, examples, seed }: SizedPromptOptions,
): LoadPrompt[] {
  const random = createRandom(seed);
  const kind = examples ? "fitted" : "synthetic";
  const pool = examples ? textTokens(tokenizer, examples, random) : wordTokens(tokenizer, random);
  if (pool.length === 0) {
    throw new BadInput(`Cannot make ${kind} prompts as there must be text to make them of: there is none`);
  }
  const prefix = tokenizer.encode("");
  return lengths.map(({ inputTokens, outputTokens }, i) => {
    const from = random.int(pool.length);
    const draw = (at: number) => examples ? pool[(from + at) % pool.length] : pool[random.int(pool.length)];
    const own = prefix.slice(0, inputTokens);
    const ids = [...own, ...Array.from({ length: inputTokens - own.length }, (_, at) => draw(at))];
    return {
      id: `${kind}/${i}`,
      dataset: "synthetic",
      prompt: { ids },
      options: { maxTokens: outputTokens, minTokens: outputTokens, ignoreEos: true },
    };
  });
}

/** Most tokens of text that prompts are cut from. */
const MOST_POOL = 200_000;

/** The examples' prompts, one after the other, in a random order. */
function textTokens(tokenizer: Tokenizer, examples: readonly Example[], random: Random): number[] {
  const pool: number[] = [];
  for (const { prompt, answer, solution } of shuffle(examples, random)) {
    if (pool.length >= MOST_POOL) break;
    const text = `${prompt}\n${solution ?? answer}\n\n`;
    for (const id of tokenizer.encode(text, { addSpecialTokens: false })) pool.push(id);
  }
  return pool;
}

/** Tokens that are a word by themselves, at most 2,000; where there is none, letters. */
function wordTokens(tokenizer: Tokenizer, random: Random): number[] {
  const words: number[] = [], letters: number[] = [];
  const ids = shuffle(Array.from({ length: tokenizer.vocabSize }, (_, id) => id), random);
  for (const id of ids) {
    if (words.length === 2000) break;
    const text = tokenizer.decode([id]);
    if (!/^ ?[a-z]+$/i.test(text)) continue;
    const again = tokenizer.encode(text, { addSpecialTokens: false });
    if (again.length === 1 && again[0] === id) (text.length > 3 ? words : letters).push(id);
  }
  return words.length ? words : letters;
}
