import assert from "node:assert/strict";
import { join } from "node:path";
import { readJsonl } from "../std/files.ts";
import { ROOT } from "../std/test_support.ts";
import { canonicalNumber, extractGsm8kAnswer, extractGsm8kStrict, extractMmluAnswer } from "./extract.ts";

function letters(name: string, cases: [text: string, letter: string | null][]): void {
  Deno.test(`extractMmluAnswer() ${name}`, () => {
    for (const [text, letter] of cases) assert.equal(extractMmluAnswer(text), letter, JSON.stringify(text));
  });
}

function numbers(
  name: string,
  cases: [text: string, flexible: string | null, strict?: string | null][],
): void {
  Deno.test(`extractGsm8kAnswer() ${name}`, () => {
    for (const [text, flexible, strict = null] of cases) {
      assert.equal(extractGsm8kAnswer(text), flexible, `flexible: ${JSON.stringify(text)}`);
      assert.equal(extractGsm8kStrict(text), strict, `strict: ${JSON.stringify(text)}`);
    }
  });
}

letters("does not read the article: 'The answer is B because a car moves'", [
  ["The answer is B because a car moves", "B"],
  ["The answer is C. It is a car", "C"],
  ["The answer is a car", null],
  ["Answer: A car moves", null],
  ["A car moves.", null],
  ["The answer is A because a car moves", "A"],
]);

letters("does not read a word's beginning: 'Answer: All of the above, i.e. D'", [
  ["Answer: All of the above, i.e. D", "D"],
  ["Answer: Both", null],
  ["Answer: all of them", null],
  ["Beijing", null],
  ["D.C. is the capital", null],
  ["C++ is the language", null],
  ["B-cells make antibodies", null],
  ["It is vitamin C.", null],
]);

letters("reads a letter alone, in any dress and either case", [
  ["B", "B"],
  ["b", "B"],
  [" b.\n", "B"],
  ["(B)", "B"],
  ["(b)", "B"],
  ["[D]", "D"],
  ["**B**", "B"],
  ["**(B)**", "B"],
  ["`C`", "C"],
  ["'A'", "A"],
  ["“B”", "B"],
  ["<B>", "B"],
  ["B)", "B"],
  ["B.", "B"],
  ["A", "A"],
  ["$\\boxed{C}$", "C"],
  ["\\boxed{\\text{(D) Earth}}", "D"],
  ["# B", "B"],
]);

letters("reads a letter that begins the answer", [
  ["B) Mercury", "B"],
  ["B. Mercury is nearest", "B"],
  ["B: Mercury", "B"],
  ["b) Mercury", "B"],
  ["A) Venus. It is a planet", "A"],
  ["A is right as it is near", "A"],
  ["B Mercury", "B"],
  ["D. All of the above", "D"],
  ["A) is not backed by gold", "A"],
]);

letters("reads the letter that a sentence names", [
  ["The correct answer is: C) Mars", "C"],
  ["The correct answer is (d).", "D"],
  ["The answer is a.", "A"],
  ["The answer is 'a'", "A"],
  ["**Answer:** B", "B"],
  ["ANSWER: C", "C"],
  ["THE ANSWER IS C", "C"],
  ["Letter: B", "B"],
  ["The answer is “B”.", "B"],
  ["The answer is 4, which is B", "B"],
  ["I would say D", "D"],
  ["I'm sorry, I can't say. However, the answer is C.", "C"],
  ["The best answer is option B", "B"],
  ["The answer to this question is B.", "B"],
  ["The correct choice is C", "C"],
  ["The answer must be therefore D", "D"],
  ["A planet near the Sun is hot, so B.", "B"],
  ["Option A is incorrect. Option C is correct.", "C"],
  ["I would choose D", "D"],
  ["The answer is B, D is too far", "B"],
  ["Answer B is wrong. Answer C is right.", "C"],
  ["Mercury is nearest.\n\nB", "B"],
]);

letters("takes the last statement, up to a next question", [
  ["The answer is A. No: the answer is B.", "B"],
  ["B\n\nQuestion: What is it?\nA) x\nB) y\nAnswer: C", "B"],
  ["<think>The answer is A</think>\nThe answer is D", "D"],
]);

letters("reads nothing in an echo of all choices, but does read an answer after it", [
  ["A) Venus\nB) Mercury\nC) Mars\nD) Earth", null],
  ["A) Venus B) Mercury C) Mars D) Earth", null],
  ["A) Simple\nB) Choice\nC) Complex\nD) Elaborate", null],
  ["A. Venus\nB. Mercury\nC. Mars\nD. Earth\n\nAnswer: B", "B"],
  ["(A) Venus (B) Mercury (C) Mars (D) Earth\nThe correct answer is (C).", "C"],
]);

letters("reads nothing where there is no answer, or several", [
  ["", null],
  ["I do not know.", null],
  ["The answer is A or B", null],
  ["The answer is B or C", null],
  ["A and B", null],
  ["B, C and D", null],
  ["b or c", null],
  ["The answer is B or C.\n\nB", null],
  ["The answer is not B", null],
  ["Answer B is wrong", null],
  ["B is not right", null],
  ["WEB is correct", null],
  ["E", null],
]);

numbers("reads 'The answer is 18' at the end of the text whole", [
  ["The answer is 18", "18"],
  ["The answer is 18.", "18"],
]);

numbers("reads '18...' as 18", [["18...", "18"], ["It is 18...", "18"]]);

numbers("reads '10-5' as a subtraction, not as -5", [
  ["10-5", "5"],
  ["10 -5", "5"],
  ["10 - 5", "5"],
  ["(2+8)-5", "5"],
  ["It is 10 - 5 = 5", "5"],
  ["- 18 apples", "18"],
]);

numbers("reads '$18.00' as the number 18 and '$57.00' as 57, not as 0", [
  ["$18.00", "18"],
  ["She pays $57.00", "57"],
  ["#### $57.00", "57", "57"],
]);

numbers("reads signs, commas, currencies, percents and decimals", [
  ["#### -5", "-5", "-5"],
  ["It is -5", "-5"],
  ["It is −5", "-5"],
  ["-$5", "-5"],
  ["$-5", "-5"],
  ["$1,234.50 in all", "1234.5"],
  ["1,234,567 people", "1234567"],
  ["25%", "25"],
  ["#### 25%", "25", "25"],
  ["1{,}234", "1234"],
  ["\\$18", "18"],
  ["\\boxed{18}", "18"],
  ["**18**", "18"],
  [".5", "0.5"],
  ["10, 20, 30", "30"],
  ["€7 or £8", "8"],
]);

numbers("reads a fraction as its value", [
  ["The answer is 36/2", "18"],
  ["1/2", "0.5"],
  ["-3/4", "-0.75"],
  ["6/2 = 3", "3"],
  ["#### 1/2", "0.5", "0.5"],
  ["#### 1/0", null],
]);

numbers("takes the number after the first ####, whatever follows", [
  ["#### 18", "18", "18"],
  ["####18", "18", "18"],
  ["#### **18**", "18", "18"],
  ["#### 18.", "18", "18"],
  ["#### 18.00 dollars for 3 apples", "18", "18"],
  ["2 + 16 = 18\n#### 18\n\nQuestion: Ann has 3 bags\n#### 4", "18", "18"],
  ["#### 2,125", "2125", "2125"],
  ["#### none\nIt is 4", "4"],
]);

numbers("reads nothing where there is no number", [["", null], ["I do not know.", null], ["####", null]]);

Deno.test("canonicalNumber() writes a value in one way, exactly, and refuses what is not one number", () => {
  for (
    const [a, b] of [["18.00", "18"], ["1,234.50", "1234.5"], ["−0", "0"], ["007", "7"], ["+3", "3"], [
      "36/2",
      "18",
    ]]
  ) {
    assert.equal(canonicalNumber(a), b);
  }
  assert.equal(canonicalNumber("9007199254740993"), "9007199254740993");
  for (const text of ["", ".", "-", "1/0", "1/2/3", "1.2.3", "B", "5 apples"]) {
    assert.equal(canonicalNumber(text), null, text);
  }
});

Deno.test("extractGsm8kAnswer() reads the answer out of every worked solution of the sample", async () => {
  const rows = await readJsonl<{ answer: string }>(join(ROOT, "data", "sample", "gsm8k.jsonl"));
  assert.ok(rows.length >= 60);
  for (const { answer } of rows) {
    const gold = canonicalNumber(answer.split("#### ")[1]);
    assert.ok(gold !== null);
    assert.deepEqual([extractGsm8kStrict(answer), extractGsm8kAnswer(answer)], [gold, gold], answer);
  }
});
