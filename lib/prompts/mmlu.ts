/**
 * MMLU, answered with a letter or scored by the letters' log-likelihoods.
 *
 * ```
 * system: The following are multiple choice questions. Answer with the letter of the right choice: A, B, C or D.
 * user:   Which planet is nearest to the Sun?
 *         A) Venus
 *         B) Mercury
 *         C) Mars
 *         D) Earth
 *         Answer with a single letter.
 * ```
 */
import type { Example } from "../types/mod.ts";
import { LETTERS } from "./letters.ts";
import { type ChoiceItem, choicePrompt } from "./lm_eval.ts";
import type { LetterPrompt, PromptTemplate } from "./template.ts";

export const mmluTemplate: PromptTemplate = {
  version: "mmlu-1",
  instructions:
    "The following are multiple choice questions. Answer with the letter of the right choice: A, B, C or D.",
  expectedFormat: "A single letter: A, B, C or D.",
  user: ({ prompt }) => `${prompt}\nAnswer with a single letter.`,
  solved: ({ answer }) => answer,
};

/** The version of the plain text that a base model continues. */
export const MMLU_TEXT_VERSION = "mmlu-text-1";

/**
 * Gives the question of a prompt without its choices.
 * @throws {RangeError} where the example is not a question with four choices.
 */
export function questionOf({ id, prompt, choices }: Example): string {
  if (choices?.length !== LETTERS.length) {
    throw new RangeError(
      `Cannot score the letters of ${id} as it must have four choices: it has ${choices?.length ?? 0}`,
    );
  }
  const listed = choices.map((choice, i) => `\n${LETTERS[i]}) ${choice}`).join("");
  if (!prompt.endsWith(listed)) {
    throw new RangeError(
      `Cannot score the letters of ${id} as its prompt must list its choices: it does not`,
    );
  }
  return prompt.slice(0, -listed.length);
}

const itemOf = (example: Example): ChoiceItem => ({
  question: questionOf(example),
  choices: example.choices!,
  answer: example.answer,
});

/**
 * Builds the plain text that a base model continues with ` A`, ` B`, ` C` or ` D`.
 * @see lm_eval.ts for its wording
 * @throws {RangeError} where the example or a shot is not a question with four choices.
 */
export function buildLetterText(example: Example, shots: readonly Example[]): LetterPrompt {
  return {
    prompt: { text: choicePrompt(example.subject, itemOf(example), shots.map(itemOf)) },
    continuations: LETTERS.map((letter) => ` ${letter}`),
    version: MMLU_TEXT_VERSION,
  };
}
