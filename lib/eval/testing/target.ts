/** For tests alone: questions, and targets that answer from a script. */
import { LETTERS } from "../../prompts/mod.ts";
import type {
  Continuation,
  Example,
  GenerateOptions,
  Generation,
  InferenceTarget,
  PromptInput,
} from "../../types/mod.ts";
import type { Prediction } from "../predictions.ts";
import { buildQuestion, judgeText, type Question } from "../questions.ts";

export function mmluExample(index: number, subject = "anatomy", answer = "B"): Example {
  const choices = ["Venus", "Mercury", "Mars", "Earth"];
  return {
    dataset: "mmlu",
    prompt: `${subject} question ${index}?\n${choices.map((c, i) => `${LETTERS[i]}) ${c}`).join("\n")}`,
    answer,
    subject,
    difficulty: index % 2 ? "hard" : "easy",
    inputLength: 20,
    outputLength: 1,
    id: `mmlu/test/${subject}/${index}`,
    category: subject === "law" ? "humanities" : "STEM",
    choices,
  };
}

export function gsm8kExample(index: number, answer = "18"): Example {
  return {
    dataset: "gsm8k",
    prompt: `word problem ${index}?`,
    answer,
    subject: "grade_school_math",
    difficulty: "medium",
    inputLength: 4,
    outputLength: 8,
    id: `gsm8k/test/${index}`,
    solution: `2 + 16 = ${answer}\n#### ${answer}`,
  };
}

export function generation(text: string, rest: Partial<Generation> = {}): Generation {
  return {
    text,
    tokenIds: [],
    finishReason: "stop",
    promptTokens: 40,
    outputTokens: 5,
    contentTokens: 4,
    truncatedTokens: 0,
    enqueuedAt: 0,
    admittedAt: 0,
    firstTokenAt: 1,
    lastTokenAt: 2,
    doneAt: 2,
    ...rest,
  };
}

/** The text that a prompt ends with: its last message or its plain text. */
export function askedOf(prompt: PromptInput): string {
  if (typeof prompt === "string") return prompt;
  if ("messages" in prompt) return prompt.messages.at(-1)!.content;
  return "text" in prompt ? prompt.text : "";
}

/** A target that generates from a script. */
export class ScriptedTarget implements InferenceTarget {
  readonly name: string = "scripted";
  readonly asked: { prompt: PromptInput; options: GenerateOptions }[] = [];
  inFlight = 0;
  mostInFlight = 0;
  readonly #reply: (asked: string, options: GenerateOptions) => Generation | Promise<Generation>;

  constructor(reply: (asked: string, options: GenerateOptions) => Generation | Promise<Generation>) {
    this.#reply = reply;
  }

  async generate(prompt: PromptInput, options: GenerateOptions): Promise<Generation> {
    this.asked.push({ prompt, options });
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      await new Promise((resolve) => setTimeout(resolve, 0));
      return await this.#reply(askedOf(prompt), options);
    } finally {
      this.inFlight--;
    }
  }
}

/** A target that can also score letters. */
export class ScoringTarget extends ScriptedTarget {
  override readonly name = "scoring";
  readonly scored: { prompt: PromptInput; continuations: readonly Continuation[] }[] = [];
  readonly #logprobs: (asked: string) => number[];

  constructor(
    logprobs: (asked: string) => number[],
    reply: (asked: string) => Generation = () => generation("#### 18"),
  ) {
    super(reply);
    this.#logprobs = logprobs;
  }

  async score(prompt: PromptInput, continuations: readonly Continuation[]) {
    this.scored.push({ prompt, continuations });
    await new Promise((resolve) => setTimeout(resolve, 0));
    return this.#logprobs(askedOf(prompt)).map((logprob) => ({ logprob, tokens: 1, isGreedy: false }));
  }
}

/** The question of an example, to be answered by generation. */
export function question(example: Example): Question {
  return buildQuestion(example as Question["example"], "generate", { hasChatTemplate: true });
}

export function predict(example: Example, text: string): Prediction {
  return judgeText(question(example), generation(text));
}

/** One letter an answer, in one subject; B is right. */
export function letters(subject: string, answers: string): Prediction[] {
  return [...answers].map((letter, i) => predict(mmluExample(i, subject), letter));
}
