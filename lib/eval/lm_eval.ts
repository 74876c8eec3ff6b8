/**
 * The protocol of lm-evaluation-harness 0.4.13: its documents, few-shot examples, extraction and rules of what is
 * right, for tasks `mmlu` and `gsm8k`. The prompts are those of `lib/prompts/lm_eval.ts`.
 *
 * @see https://github.com/EleutherAI/lm-evaluation-harness/tree/v0.4.13
 */
import type { BenchmarkDocument, LoadedDocuments } from "../data/mod.ts";
import { PythonRandom } from "../math/mod.ts";
import { choicePrompt, LETTERS, LM_EVAL_VERSIONS, promptHash, wordProblemPrompt } from "../prompts/mod.ts";
import { BadInput } from "../std/errors.ts";
import type { Example } from "../types/mod.ts";
import type { Question } from "./questions.ts";

/** What ends an answer to GSM8K, besides the model's end token. */
export const LM_EVAL_STOPS: readonly string[] = ["Question:", "</s>", "<|im_end|>"];
/** The longest answer to GSM8K, in tokens: the task sets none, and this is what every model of the harness takes. */
export const LM_EVAL_MAX_TOKENS = 256;
/** Shots where none are asked for: the tasks' own. */
export const LM_EVAL_SHOTS = { mmlu: 0, gsm8k: 5 } as const;
/** The seed of few-shot draws (`--seed`, its last number). */
const SHOT_SEED = 1234;

/** Shots of each data set. */
export interface Shots {
  mmlu: number;
  gsm8k: number;
}

/** `strict-match`: the number after the first `####`. */
export function extractLmEvalStrict(text: string): string | null {
  return /#### (-?[0-9.,]+)/.exec(text)?.[1] ?? null;
}

/** `flexible-extract`: the last number, or what looks like one. */
export function extractLmEvalFlexible(text: string): string | null {
  return text.match(/-?[$0-9.,]{2,}|-?[0-9]+/g)?.at(-1) ?? null;
}

/**
 * `exact_match`: whether an extracted number is that of a worked solution, as text without commas, dollars, what
 * precedes `#### ` and a final full stop; `18.0` is not `18`.
 */
export function isLmEvalMatch(predicted: string | null, solution: string): boolean {
  return predicted !== null && plain(predicted) === plain(solution);
}

// Python's `$` matches before a final newline too, and `(?s).*` over newlines.
const plain = (text: string) =>
  text.replaceAll(/[,$]/g, "").replace(/^[^]*#### /, "").replace(/\.(?=\n?$)/, "").toLowerCase();

/**
 * Gives the questions that the harness asks, in its order: MMLU subject by subject, then GSM8K.
 * @param shots MMLU's are the first of dev, GSM8K's are drawn anew for each document, one draw after the other
 * @throws {BadInput} where there are fewer examples than shots.
 */
export function lmEvalQuestions({ mmlu, gsm8k }: LoadedDocuments, shots: Shots): Question[] {
  const short = (name: string, wanted: number, there: number) => {
    if (there >= wanted) return;
    throw new BadInput(
      `Cannot show ${wanted} solved examples of ${name} as the few-shot pool must hold as many: it has ${there}`,
    );
  };
  const subjects = Map.groupBy(mmlu.test, ({ record }) => record.subject);
  const dev = Map.groupBy(mmlu.shown, ({ record }) => record.subject);
  const questions: Question[] = [];
  for (const subject of [...subjects.keys()].sort()) {
    const shown = (dev.get(subject) ?? []).slice(0, shots.mmlu);
    short(`mmlu/${subject}`, shots.mmlu, shown.length);
    for (const document of subjects.get(subject)!) {
      const text = choicePrompt(subject, document, shown);
      questions.push({ ...question(document, "mmlu", text, shown), ...MULTIPLE_CHOICE });
    }
  }
  short("gsm8k", shots.gsm8k, gsm8k.shown.length);
  const random = new PythonRandom(SHOT_SEED);
  for (const document of gsm8k.test) {
    const shown = random.sampleIndices(gsm8k.shown.length, shots.gsm8k).map((i) => gsm8k.shown[i]);
    const text = wordProblemPrompt(document.question, shown);
    questions.push({
      ...question(document, "gsm8k", text, shown),
      method: "generate",
      continuations: [],
      stop: LM_EVAL_STOPS,
      read: (text) => ({ predicted: extractLmEvalFlexible(text), strict: extractLmEvalStrict(text) }),
      isRight: (answer) => isLmEvalMatch(answer, document.answer),
    });
  }
  return questions;
}

const MULTIPLE_CHOICE = {
  method: "loglikelihood",
  continuations: LETTERS.map((letter) => ` ${letter}`),
  stop: [],
} as const;

function question(
  { record }: BenchmarkDocument,
  dataset: "mmlu" | "gsm8k",
  text: string,
  shown: readonly BenchmarkDocument[],
) {
  const templateVersion = LM_EVAL_VERSIONS[dataset];
  return {
    example: { ...record, ...filed(record) } as Question["example"],
    prompt: { text },
    templateVersion,
    promptHash: promptHash({ text }, templateVersion),
    shotIds: shown.map((shot) => shot.record.id),
    read: (text: string) => ({ predicted: text, strict: null }),
    isRight: (answer: string | null) => answer === record.answer,
  };
}

/** The harness files anatomy under STEM, the benchmark's authors under other. */
const filed = ({ subject }: Pick<Example, "subject">): Partial<Example> =>
  subject === "anatomy" ? { category: "STEM" } : {};

/** The first `limit` questions of each task (`--limit`): of each of MMLU's subjects, and of GSM8K. */
export function firstOfEachTask(questions: readonly Question[], limit: number): Question[] {
  const asked = new Map<string, number>();
  return questions.filter(({ example: { subject } }) => {
    const count = (asked.get(subject) ?? 0) + 1;
    asked.set(subject, count);
    return count <= limit;
  });
}
