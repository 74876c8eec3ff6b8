import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { parseRows } from "./benchmark.ts";
import { countSteps, difficultyOf, gsm8k } from "./gsm8k.ts";

const parse = (answer: string) => parseRows(gsm8k, "test", [{ question: "How many?", answer }])[0];

Deno.test("gsm8k answers with the number after ####, without commas", () => {
  assert.equal(parse("2 * 4000 = <<2*4000=8000>>8,000\n#### 8,000").answer, "8000");
  assert.equal(parse("It falls by 5.\n#### -5").answer, "-5");
  assert.equal(parse("Half.\n#### 0.5").answer, "0.5");
});

Deno.test("gsm8k keeps the worked text as the solution", () => {
  const solution = "3 * 4 = <<3*4=12>>12\n#### 12";
  assert.deepEqual(parse(solution), {
    dataset: "gsm8k",
    prompt: "How many?",
    answer: "12",
    subject: "grade_school_math",
    difficulty: "easy",
    id: "gsm8k/test/0",
    solution,
  });
});

Deno.test("gsm8k refuses a solution without a final number", () => {
  for (const answer of ["12", "#### many", "#### 1 2"]) {
    assert.throws(
      () => parse(answer),
      (e) => e instanceof BadInput && /gsm8k\/test\/0.*####/.test(e.message),
    );
  }
});

Deno.test("countSteps() counts calculator notes, or sentences with a number where there are none", () => {
  assert.equal(countSteps("1 + 1 = <<1+1=2>>2. Then 3.\n2 + 2 = <<2+2=4>>4\n#### 4"), 2);
  assert.equal(countSteps("He has 3 apples. She has $1.50 left! Nobody knows.\nSo 4 remain\n#### 4"), 3);
});

Deno.test("difficultyOf() draws the lines at 2 and 4 steps", () => {
  assert.deepEqual([0, 2, 3, 4, 5, 9].map(difficultyOf), [
    "easy",
    "easy",
    "medium",
    "medium",
    "hard",
    "hard",
  ]);
});
