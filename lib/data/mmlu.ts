/**
 * MMLU: `{"question":"What is ...?","subject":"anatomy","choices":["a","b","c","d"],"answer":1}` becomes a prompt
 * of the question and a line for each choice, `A) a` to `D) d`, answered by a letter.
 */
import { type Benchmark, textField } from "./benchmark.ts";
import { MMLU_SUBJECTS } from "./mmlu_subjects.ts";

const LETTERS = "ABCD";

export const mmlu: Benchmark = {
  name: "mmlu",
  repo: "cais/mmlu",
  config: "all",
  questionSplits: ["test", "validation"],
  fewShotSplit: "dev",
  recordVersion: "mmlu-1",
  difficultyVersion: "mmlu-subjects-1",
  parse(row, id) {
    const name = textField(row, "subject");
    const subject = MMLU_SUBJECTS.get(name);
    if (subject === undefined) throw new RangeError(`its subject must be one of MMLU's 57: it is '${name}'`);
    const { choices, answer } = row;
    if (!Array.isArray(choices) || choices.length !== 4 || !choices.every((c) => typeof c === "string")) {
      throw new RangeError(`its choices must be four texts: they are ${JSON.stringify(choices)}`);
    }
    const letter = typeof answer === "number" || typeof answer === "bigint"
      ? LETTERS[Number(answer)]
      : undefined;
    if (letter === undefined) throw new RangeError(`its answer must be 0 to 3: it is ${answer}`);
    const trimmed: string[] = choices.map((choice) => choice.trim());
    const lines = trimmed.map((choice, i) => `${LETTERS[i]}) ${choice}`);
    return {
      dataset: "mmlu",
      prompt: [textField(row, "question"), ...lines].join("\n"),
      answer: letter,
      subject: name,
      difficulty: subject.difficulty,
      id,
      category: subject.category,
      choices: trimmed,
    };
  },
};
