import assert from "node:assert/strict";
import type { Example } from "../types/mod.ts";
import {
  COUNT_HEAD,
  countRows,
  loadQuestions,
  promptText,
  sharedIds,
  SOURCE_HEAD,
  sourceRows,
} from "./questions.ts";

const log = console.log;

Deno.test("the sample's questions are counted, and none stands in two splits", async () => {
  console.log = () => {};
  const data = await loadQuestions({ quick: true }).finally(() => console.log = log);
  assert.ok(data.isSample);
  assert.equal(sharedIds(data), 0);
  assert.equal(sharedIds({ ...data, val: [...data.val, data.test[0]] }), 1);
  const rows = countRows(data);
  assert.deepEqual(rows.map((row) => [row[0], row.length]), [
    ["MMLU", COUNT_HEAD.length],
    ["GSM8K", COUNT_HEAD.length],
  ]);
  const [, train, val, test, all] = rows[0].map(Number);
  assert.equal(train + val + test, all);
  assert.equal(test, data.test.filter((e) => e.dataset === "mmlu").length);
  for (const row of sourceRows(data)) assert.equal(row.length, SOURCE_HEAD.length);
});

Deno.test("promptText() shows the messages and the reference answer", () => {
  const example: Example = {
    dataset: "gsm8k",
    prompt: "How many legs have 3 cats?",
    answer: "12",
    subject: "grade_school_math",
    difficulty: "easy",
    inputLength: 9,
    outputLength: 20,
    id: "gsm8k/test/1",
  };
  const text = promptText([example], "gsm8k");
  assert.match(
    text,
    /^gsm8k\/test\/1 \(grade_school_math, easy, 9 tokens, template gsm8k-\d+\)\n\n\[system\]\n/,
  );
  assert.match(text, /\[user\]\nHow many legs have 3 cats\?.*\[reference answer\]\n12$/s);
  assert.equal(promptText([example], "mmlu"), "no question of mmlu");
});
