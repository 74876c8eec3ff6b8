/** From an example to the question that is put to a target, and from its answer to a prediction. */
import { BadInput } from "../std/errors.ts";
import {
  buildLetterPrompt,
  buildPrompt,
  chooseShots,
  LETTERS,
  promptHash,
  toMessages,
} from "../prompts/mod.ts";
import type { Example, Generation, PromptInput, RequestError } from "../types/mod.ts";
import { extractGsm8kAnswer, extractGsm8kStrict, extractMmluAnswer } from "./extract.ts";
import { EvaluationMetrics } from "./metrics.ts";
import type { MmluMethod, Prediction } from "./predictions.ts";

/** Solved examples for few-shot prompts, and how many each prompt shows. */
export interface FewShot {
  pool: { mmlu: readonly Example[]; gsm8k: readonly Example[] };
  shots: number;
}

/** One question, ready to be asked. */
export interface Question {
  example: Example & { dataset: "mmlu" | "gsm8k" };
  method: MmluMethod;
  prompt: PromptInput;
  /** What is scored for A, B, C and D; empty where the answer is generated. */
  continuations: readonly string[];
  /** Strings that end an answer. */
  stop: readonly string[];
  templateVersion: string;
  promptHash: string;
  shotIds: string[];
  /** Reads an answer; `strict` is the number that `####` marks, null for MMLU. */
  read(text: string): { predicted: string | null; strict: string | null };
  isRight(answer: string | null): boolean;
}

/**
 * Builds the question of an example.
 * @throws {BadInput} where the pool holds too few shots for it.
 * @throws {RangeError} where its letters are to be scored and it has not four choices.
 */
export function buildQuestion(
  example: Question["example"],
  method: MmluMethod,
  { hasChatTemplate, fewShot }: { hasChatTemplate: boolean; fewShot?: FewShot },
): Question {
  const wanted = fewShot?.shots ?? 0;
  const shots = wanted ? chooseShots(example, fewShot!.pool[example.dataset], wanted) : [];
  if (shots.length < wanted) {
    const of = example.dataset === "mmlu" ? `mmlu/${example.subject}` : "gsm8k";
    throw new BadInput(
      `Cannot show ${wanted} solved examples of ${of} as the few-shot pool must hold as many: it has ${shots.length}`,
    );
  }
  const options = { fewShot: shots };
  const common = {
    example,
    method,
    shotIds: shots.map((shot) => shot.id),
    stop: [],
    read: example.dataset === "mmlu"
      ? (text: string) => ({ predicted: extractMmluAnswer(text), strict: null })
      : (text: string) => ({ predicted: extractGsm8kAnswer(text), strict: extractGsm8kStrict(text) }),
    isRight: (answer: string | null) => EvaluationMetrics.exactMatch(answer, example.answer),
  };
  if (method === "loglikelihood") {
    const { prompt, continuations, version } = buildLetterPrompt(example, hasChatTemplate, options);
    return {
      ...common,
      prompt,
      continuations,
      templateVersion: version,
      promptHash: promptHash(prompt, version),
    };
  }
  const built = buildPrompt(example, example.dataset, options);
  const prompt = { messages: toMessages(built) };
  return {
    ...common,
    prompt,
    continuations: [],
    templateVersion: built.version,
    promptHash: promptHash(prompt, built.version),
  };
}

/** Judges what the target wrote. */
export function judgeText(question: Question, generation: Generation): Prediction {
  const { text } = generation;
  const { predicted, strict } = question.read(text);
  return {
    ...judge(question, predicted, strict),
    truncated: generation.finishReason === "length",
    text,
    inputTokens: generation.promptTokens,
    outputTokens: generation.outputTokens,
  };
}

/** Judges the letters' log-likelihoods: the likeliest is the answer, the earlier of equal ones. */
export function judgeScores(question: Question, scores: number[]): Prediction {
  const best = scores.reduce((best, score, i) => score > scores[best] ? i : best, 0);
  return { ...judge(question, LETTERS[best], null), scores };
}

/** Records a question without an answer; it counts as wrong. */
export function judgeError(question: Question, error: RequestError): Prediction {
  return { ...judge(question, null, null), error };
}

function judge(
  { example, method, promptHash, isRight }: Question,
  predicted: string | null,
  strictPredicted: string | null,
): Prediction {
  return {
    id: example.id,
    dataset: example.dataset,
    subject: example.subject,
    category: example.category ?? null,
    difficulty: example.difficulty,
    gold: example.answer,
    predicted,
    correct: isRight(predicted),
    parsed: predicted !== null,
    strictPredicted,
    strictCorrect: example.dataset === "gsm8k" ? isRight(strictPredicted) : null,
    truncated: false,
    promptTokensCut: 0,
    method,
    text: "",
    scores: null,
    promptHash,
    inputTokens: null,
    outputTokens: null,
    error: null,
  };
}
