import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { parseRows, type Row } from "./benchmark.ts";
import { mmlu } from "./mmlu.ts";
import { MMLU_SUBJECT_ROWS, MMLU_SUBJECTS } from "./mmlu_subjects.ts";

const row = {
  question: " 2 + 2? ",
  subject: "elementary_mathematics",
  choices: ["3", " 4", "5", "6"],
  answer: 1n,
};

Deno.test("mmlu writes the question, then a line for each choice, and answers by letter", () => {
  assert.deepEqual(parseRows(mmlu, "test", [row]), [{
    dataset: "mmlu",
    prompt: "2 + 2?\nA) 3\nB) 4\nC) 5\nD) 6",
    answer: "B",
    subject: "elementary_mathematics",
    difficulty: "easy",
    id: "mmlu/test/0",
    category: "STEM",
    choices: ["3", "4", "5", "6"],
  }]);
});

for (
  const [what, broken, message] of [
    ["an unknown subject", { subject: "alchemy" }, /mmlu\/test\/1 .*57.*'alchemy'/],
    ["three choices", { choices: ["a", "b", "c"] }, /four texts/],
    ["an answer beyond D", { answer: 4 }, /0 to 3.*4/],
    ["an answer as text", { answer: "" }, /0 to 3/],
    ["no question", { question: undefined }, /question must be a text.*absent/],
  ] as [string, Row, RegExp][]
) {
  Deno.test(`mmlu names the row that has ${what}`, () => {
    assert.throws(
      () => parseRows(mmlu, "test", [row, { ...row, ...broken }]),
      (e) => e instanceof BadInput && message.test(e.message),
    );
  });
}

Deno.test("each of MMLU's 57 subjects is placed once, 18, 13, 12 and 14 a category", () => {
  assert.equal(MMLU_SUBJECT_ROWS.length, 57);
  assert.equal(MMLU_SUBJECTS.size, 57);
  const counts = ["STEM", "humanities", "social sciences", "other"].map((category) =>
    MMLU_SUBJECT_ROWS.filter(([, s]) => s.category === category).length
  );
  assert.deepEqual(counts, [18, 13, 12, 14]);
});

Deno.test("elementary is easy, high school medium, college and professional hard", () => {
  const rules: [RegExp, string][] = [
    [/^elementary_/, "easy"],
    [/^high_school_/, "medium"],
    [/^(college|professional)_/, "hard"],
  ];
  for (const [name, { difficulty }] of MMLU_SUBJECTS) {
    for (const [pattern, expected] of rules) if (pattern.test(name)) assert.equal(difficulty, expected, name);
  }
});
