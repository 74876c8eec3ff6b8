/**
 * The prompts of lm-evaluation-harness 0.4.13, byte for byte: plain text, without a chat template.
 *
 * ```
 * The following are multiple choice questions (with answers) about abstract algebra.
 *
 * Find the degree for the given field extension Q(sqrt(2)) over Q.
 * A. 0
 * B. 4
 * C. 2
 * D. 6
 * Answer:
 * ```
 *
 * and `Question: Ann has 3 bags ...\nAnswer:`; each solved example before it is followed by an empty line.
 * @see https://github.com/EleutherAI/lm-evaluation-harness/tree/v0.4.13/lm_eval/tasks `mmlu/default`, `gsm8k/gsm8k.yaml`
 */
import type { BenchmarkDocument } from "../data/documents.ts";
import { LETTERS } from "./letters.ts";

/** What the templates are called in results: the harness's version, the task and the task's version. */
export const LM_EVAL_VERSIONS = {
  mmlu: "lm-eval-0.4.13/mmlu-2",
  gsm8k: "lm-eval-0.4.13/gsm8k-3.0",
} as const;

/** A multiple-choice question. */
export type ChoiceItem = Pick<BenchmarkDocument, "question" | "choices" | "answer">;

/** What Python's `str.strip()` takes away: JavaScript's `trim` takes U+FEFF too, and leaves U+001C to U+001F and U+0085. */
const SPACE = String
  .raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const AROUND = new RegExp(`^${SPACE}+|${SPACE}+$`, "g");

function choiceItem({ question, choices }: ChoiceItem): string {
  const lines = choices.map((choice, i) => `\n${LETTERS[i]}. ${choice}`);
  return `${question.replaceAll(AROUND, "")}${lines.join("")}\nAnswer:`;
}

/** The text that is continued with ` A`, ` B`, ` C` or ` D`. */
export function choicePrompt(subject: string, item: ChoiceItem, shots: readonly ChoiceItem[]): string {
  const about = subject.replaceAll("_", " ");
  const header = `The following are multiple choice questions (with answers) about ${about}.\n\n`;
  return header + shots.map((shot) => `${choiceItem(shot)} ${shot.answer}\n\n`).join("") + choiceItem(item);
}

const wordProblem = (question: string) => `Question: ${question}\nAnswer:`;

/** The text that is continued with a worked solution. */
export function wordProblemPrompt(
  question: string,
  shots: readonly Pick<BenchmarkDocument, "question" | "answer">[],
): string {
  return shots.map((shot) => `${wordProblem(shot.question)} ${shot.answer}\n\n`).join("") +
    wordProblem(question);
}
