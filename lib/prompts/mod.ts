/**
 * Prompts: a question becomes the messages that a model is asked with.
 *
 * Few-shot examples are earlier turns: the user asks, the assistant answers. Chat models are trained on turns, so
 * the answers before show the form of the next one, and each question is worded as it is without shots.
 * @see lm-evaluation-harness, `--fewshot_as_multiturn`
 */
import { BadInput } from "../std/errors.ts";
import { sha256 } from "../std/files.ts";
import type { DatasetName, Example, Message, PromptInput } from "../types/mod.ts";
import { gsm8kTemplate } from "./gsm8k.ts";
import { LETTERS } from "./letters.ts";
import { buildLetterText, MMLU_TEXT_VERSION, mmluTemplate, questionOf } from "./mmlu.ts";
import { sharegptTemplate } from "./sharegpt.ts";
import type { BuiltPrompt, LetterPrompt, PromptTemplate } from "./template.ts";

export { stripCalculatorNotes } from "./gsm8k.ts";
export { LETTERS } from "./letters.ts";
export * from "./lm_eval.ts";
export * from "./sharegpt_loader.ts";
export type { BuiltPrompt, LetterPrompt } from "./template.ts";

const TEMPLATES: Record<DatasetName, PromptTemplate> = {
  mmlu: mmluTemplate,
  gsm8k: gsm8kTemplate,
  sharegpt: sharegptTemplate,
};

/** The version of each template, for manifests and run files. */
export const TEMPLATE_VERSIONS: Readonly<Record<DatasetName | "mmlu_text", string>> = {
  mmlu: mmluTemplate.version,
  mmlu_text: MMLU_TEXT_VERSION,
  gsm8k: gsm8kTemplate.version,
  sharegpt: sharegptTemplate.version,
};

function templateOf(datasetType: string): PromptTemplate {
  if (Object.hasOwn(TEMPLATES, datasetType)) return TEMPLATES[datasetType as DatasetName];
  throw new BadInput(
    `Cannot build a prompt as the dataset type must be one of ${
      Object.keys(TEMPLATES).join(", ")
    }: it is '${datasetType}'`,
  );
}

/**
 * Gives the system message of a data set.
 * @throws {BadInput} for an unknown dataset type, as all functions here that take one.
 */
export function getPromptInstructions(datasetType: string): string {
  return templateOf(datasetType).instructions;
}

/** Says in words what an answer must look like. */
export function getExpectedFormat(datasetType: string): string {
  return templateOf(datasetType).expectedFormat;
}

export interface PromptOptions {
  /** Solved examples to show first; see {@linkcode chooseShots}. */
  fewShot?: readonly Example[];
}

/** Builds the prompt of an example; the reference answer is returned beside it. */
export function buildPrompt(example: Example, datasetType: string, options: PromptOptions = {}): BuiltPrompt {
  const template = templateOf(datasetType);
  const shots = (options.fewShot ?? []).flatMap((shot): Message[] => [
    { role: "user", content: template.user(shot) },
    { role: "assistant", content: template.solved(shot) },
  ]);
  const earlier = (example.turns ?? []).slice(0, -1);
  const own = earlier[0]?.role === "system" ? earlier.shift() : undefined;
  return {
    system: own?.content ?? template.instructions,
    user: template.user(example),
    answer: example.answer,
    turns: [...shots, ...earlier],
    version: template.version,
  };
}

/** Lists the messages of a prompt: system, the turns between, user. */
export function toMessages(prompt: BuiltPrompt, turns: readonly Message[] = prompt.turns): Message[] {
  return [
    { role: "system", content: prompt.system },
    ...turns,
    { role: "user", content: prompt.user },
  ];
}

/**
 * Builds the prompt after which the four letters are scored: for a chat model the messages of
 * {@linkcode buildPrompt}, for a base model plain text that ends in `Answer:`.
 * @throws {RangeError} where an example is not a question with four choices.
 */
export function buildLetterPrompt(
  example: Example,
  hasChatTemplate: boolean,
  options: PromptOptions = {},
): LetterPrompt {
  if (!hasChatTemplate) return buildLetterText(example, options.fewShot ?? []);
  questionOf(example);
  const built = buildPrompt(example, "mmlu", options);
  return {
    prompt: { messages: toMessages(built) },
    continuations: [...LETTERS],
    version: built.version,
  };
}

/** Takes the first `count` examples of a few-shot pool: of the same data set, and for MMLU of the same subject. */
export function chooseShots(example: Example, pool: readonly Example[], count: number): Example[] {
  return pool.filter((shot) =>
    shot.id !== example.id && shot.dataset === example.dataset &&
    (shot.dataset !== "mmlu" || shot.subject === example.subject)
  ).slice(0, count);
}

/** Hex SHA-256 over a prompt and its template's version: equal only where a model is asked the same thing. */
export function promptHash(prompt: PromptInput, version: string): string {
  const content = typeof prompt === "string"
    ? { text: prompt }
    : "messages" in prompt
    ? { messages: prompt.messages.map(({ role, content }) => [role, content]) }
    : prompt;
  return sha256(JSON.stringify([version, content]));
}
