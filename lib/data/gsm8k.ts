/**
 * GSM8K: `{"question":"Ann has 3 bags ...","answer":"3 * 4 = <<3*4=12>>12\n#### 12"}` becomes the question, answered
 * by the number after `####`; the worked text is kept as the solution.
 */
import type { Difficulty } from "../types/mod.ts";
import { type Benchmark, textField } from "./benchmark.ts";

/** Counts the calculator steps of a worked solution; one without notes counts its sentences with a number. */
export function countSteps(solution: string): number {
  const notes = solution.match(/<<[^<>]*>>/g);
  if (notes) return notes.length;
  const worked = solution.replace(/####.*$/s, "");
  return worked.split(/[.!?](?=\s|$)|\n/).filter((sentence) => /\d/.test(sentence)).length;
}

/** Up to 2 steps are easy, 3 and 4 medium, 5 and more hard. */
export function difficultyOf(steps: number): Difficulty {
  return steps <= 2 ? "easy" : steps <= 4 ? "medium" : "hard";
}

export const gsm8k: Benchmark = {
  name: "gsm8k",
  repo: "openai/gsm8k",
  config: "main",
  questionSplits: ["test"],
  fewShotSplit: "train",
  recordVersion: "gsm8k-1",
  difficultyVersion: "gsm8k-steps-1",
  parse(row, id) {
    const solution = textField(row, "answer");
    const answer = /####\s*(-?\d[\d,]*(?:\.\d+)?)$/.exec(solution)?.[1].replaceAll(",", "");
    if (answer === undefined) {
      throw new RangeError(`its answer must end in '#### <number>': it ends in '${solution.slice(-20)}'`);
    }
    return {
      dataset: "gsm8k",
      prompt: textField(row, "question"),
      answer,
      subject: "grade_school_math",
      difficulty: difficultyOf(countSteps(solution)),
      id,
      solution,
    };
  },
};
