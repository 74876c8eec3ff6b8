/** What a prompt template is, and the prompt that it builds. */
import type { Example, Message, PromptInput } from "../types/mod.ts";

/** How the questions of one data set are put to a model. */
export interface PromptTemplate {
  /** Raised with every change of wording, so that answers to different prompts are never pooled. */
  version: string;
  /** The system message. */
  instructions: string;
  /** What a good answer looks like, in words. */
  expectedFormat: string;
  /** The user turn. */
  user(example: Example): string;
  /** The assistant turn that shows the example solved, for few-shot prompts. */
  solved(example: Example): string;
}

/** A prompt before it meets a model's chat template. */
export interface BuiltPrompt {
  system: string;
  user: string;
  /** The reference answer; not part of the prompt. */
  answer: string;
  /** What stands between system message and user turn: solved examples, or the conversation so far. */
  turns: Message[];
  /** The template's version. */
  version: string;
}

/** A prompt whose continuations are scored: the likeliest letter is the model's answer. */
export interface LetterPrompt {
  prompt: PromptInput;
  /** What is scored for A, B, C and D, in this order. */
  continuations: string[];
  version: string;
}
