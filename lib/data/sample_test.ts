/** What data/sample promises: right arithmetic, an even spread, and nothing taken from the benchmarks. */
import assert from "node:assert/strict";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { join } from "node:path";
import { readJsonl } from "../std/files.ts";
import { ROOT, sharedTest } from "../std/test_support.ts";

interface Choice {
  question: string;
  subject: string;
  choices: string[];
  answer: number;
}
interface Problem {
  question: string;
  answer: string;
}

const SAMPLE = join(ROOT, "data", "sample");
const mmlu = await readJsonl<Choice>(join(SAMPLE, "mmlu.jsonl"));
const mmluDev = await readJsonl<Choice>(join(SAMPLE, "mmlu_dev.jsonl"));
const gsm8k = await readJsonl<Problem>(join(SAMPLE, "gsm8k.jsonl"));
const gsm8kTrain = await readJsonl<Problem>(join(SAMPLE, "gsm8k_train.jsonl"));
const questions = [...mmlu, ...mmluDev, ...gsm8k, ...gsm8kTrain].map((record) => record.question);

const normalise = (text: string) => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim();

function countBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

/** Calculator notes of a solution. */
function notesOf(answer: string): { sum: string; result: string; after: string }[] {
  return [...answer.matchAll(/<<([^<>=]*)=([^<>=]*)>>([\d.]*\d)?/g)].map(([, sum, result, after]) => ({
    sum,
    result,
    after,
  }));
}

/** Works out sums of products of plain numbers, such as `50-30-12` or `3*4/2`. */
function calculate(sum: string): number {
  assert.match(sum, /^\d+(\.\d+)?([-+*/]\d+(\.\d+)?)*$/);
  const terms = sum.match(/[-+]?[^-+]+/g)!.map((term) => {
    const [first, ...rest] = term.match(/[*/]?[-+]?[\d.]+/g)!;
    return rest.reduce((value, part) => {
      const factor = Number(part.slice(1));
      return part[0] === "*" ? value * factor : value / factor;
    }, Number(first));
  });
  return terms.reduce((a, b) => a + b);
}

Deno.test("the sample has two questions for each of 57 subjects, and a third for few-shot prompts", () => {
  const counts = countBy(mmlu, (record) => record.subject);
  assert.equal(counts.size, 57);
  assert.ok([...counts.values()].every((count) => count >= 2));
  assert.deepEqual([...new Set(mmluDev.map((record) => record.subject))].sort(), [...counts.keys()].sort());
});

Deno.test("the sample's choices are four distinct texts, and the right ones are spread evenly over A to D", () => {
  for (const { question, choices, answer } of [...mmlu, ...mmluDev]) {
    assert.equal(new Set(choices.map((choice) => choice.toLowerCase())).size, 4, question);
    assert.ok(
      choices.length === 4 && choices.every((choice) => choice.trim() === choice && choice !== ""),
      question,
    );
    assert.ok(Number.isInteger(answer) && answer >= 0 && answer <= 3, question);
  }
  for (const records of [mmlu, mmluDev]) {
    const counts = [...countBy(records, (record) => record.answer).values()];
    assert.ok(counts.length === 4 && Math.max(...counts) - Math.min(...counts) <= 1, String(counts));
  }
});

Deno.test("the sample's calculator notes are right, and the last one is the answer", () => {
  for (const { question, answer } of [...gsm8k, ...gsm8kTrain]) {
    const notes = notesOf(answer);
    assert.equal(notes.length, answer.split("<<").length - 1, question);
    for (const { sum, result, after } of notes) {
      assert.ok(Math.abs(calculate(sum) - Number(result)) < 1e-9, `${sum}=${result} in ${question}`);
      assert.equal(after, result, question);
    }
    const last = /^#### (-?\d+)$/.exec(answer.split("\n").at(-1)!);
    assert.equal(answer.split("####").length, 2, question);
    assert.equal(last?.[1], notes.at(-1)!.result, question);
  }
});

Deno.test("the sample's problems are a third each of up to 2, 3 to 4, and 5 or more steps", () => {
  const level = (steps: number) => steps <= 2 ? "easy" : steps <= 4 ? "medium" : "hard";
  const counts = countBy(gsm8k, (record) => level(notesOf(record.answer).length));
  assert.deepEqual(Object.fromEntries(counts), { easy: 20, medium: 20, hard: 20 });
  assert.ok(gsm8kTrain.length >= 8);
});

Deno.test("the sample asks nothing twice", () => {
  assert.equal(new Set(questions.map(normalise)).size, questions.length);
});

sharedTest("the sample shares no question and no 8 words in a row with MMLU or GSM8K", async (shared) => {
  const SPAN = 8;
  const spans = new Map<string, string>();
  const short: string[] = [];
  for (const question of questions) {
    const words = normalise(question).split(" ");
    if (words.length < SPAN) short.push(` ${words.join(" ")} `);
    for (let i = 0; i + SPAN <= words.length; i++) spans.set(words.slice(i, i + SPAN).join(" "), question);
  }
  const subjects = new Set<string>();
  const overlaps: string[] = [];
  for (
    const path of [
      "cais/mmlu/resolve/main/all/test",
      "cais/mmlu/resolve/main/all/dev",
      "openai/gsm8k/resolve/main/main/test",
      "openai/gsm8k/resolve/main/main/train",
    ]
  ) {
    const file = await asyncBufferFromFile(join(shared, "hub", "datasets", `${path}-00000-of-00001.parquet`));
    const columns = path.startsWith("cais") ? ["question", "subject"] : ["question"];
    for (const row of await parquetReadObjects({ file, compressors, columns })) {
      if (row.subject) subjects.add(row.subject);
      const text = normalise(row.question);
      const words = text.split(" ");
      for (let i = 0; i + SPAN <= words.length; i++) {
        const span = words.slice(i, i + SPAN).join(" ");
        if (spans.has(span)) overlaps.push(`'${span}' in '${spans.get(span)}'`);
      }
      for (const question of short) if (` ${text} `.includes(question)) overlaps.push(question);
    }
  }
  assert.deepEqual(overlaps, []);
  assert.deepEqual([...new Set(mmlu.map((record) => record.subject))].sort(), [...subjects].sort());
});
