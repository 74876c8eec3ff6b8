import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import type { Example } from "../types/mod.ts";
import {
  buildLetterPrompt,
  buildPrompt,
  choicePrompt,
  chooseShots,
  getExpectedFormat,
  getPromptInstructions,
  promptHash,
  stripCalculatorNotes,
  TEMPLATE_VERSIONS,
  toMessages,
} from "./mod.ts";

const question = (id: string, text: string, answer: string, subject = "high_school_geography"): Example => ({
  dataset: "mmlu",
  prompt: `${text}\nA) Oslo\nB) Lima\nC) Cairo\nD) Seoul`,
  answer,
  subject,
  difficulty: "medium",
  inputLength: 20,
  outputLength: 1,
  id,
  choices: ["Oslo", "Lima", "Cairo", "Seoul"],
});
const lima = question("mmlu/test/0", "Which is in Peru?", "B");
const cairo = question("mmlu/dev/0", "Which is in Egypt?", "C");
const apples: Example = {
  dataset: "gsm8k",
  prompt: "Ann has 3 bags of 4 apples. How many apples has she?",
  answer: "12",
  subject: "math",
  difficulty: "easy",
  inputLength: 15,
  outputLength: 1,
  id: "gsm8k/train/0",
  solution: "She has 3 * 4 = <<3*4=12>>12 apples.\n#### 12",
};

Deno.test("buildPrompt() asks for a letter on mmlu and for a last line #### on gsm8k", () => {
  const mmlu = buildPrompt(lima, "mmlu");
  assert.equal(mmlu.answer, "B");
  assert.equal(mmlu.system, getPromptInstructions("mmlu"));
  assert.match(mmlu.system, /letter/);
  assert.ok(mmlu.user.startsWith(lima.prompt));
  const gsm8k = buildPrompt(apples, "gsm8k");
  assert.equal(gsm8k.answer, "12");
  assert.match(gsm8k.system, /step by step.*#### <number>/);
  assert.match(getExpectedFormat("gsm8k"), /####/);
});

Deno.test("buildPrompt() does not show the answer to the model", () => {
  const told = buildPrompt({ ...apples, answer: "987654", solution: "#### 987654" }, "gsm8k");
  assert.ok(!JSON.stringify(toMessages(told)).includes("987654"));
  assert.deepEqual(
    toMessages(buildPrompt({ ...lima, answer: "D" }, "mmlu")),
    toMessages(buildPrompt(lima, "mmlu")),
  );
});

Deno.test("buildPrompt() shows solved examples as earlier turns, without calculator notes", () => {
  const { user } = buildPrompt(lima, "mmlu");
  assert.deepEqual(toMessages(buildPrompt(lima, "mmlu", { fewShot: [cairo] })), [
    { role: "system", content: getPromptInstructions("mmlu") },
    { role: "user", content: user.replace("Peru", "Egypt") },
    { role: "assistant", content: "C" },
    { role: "user", content: user },
  ]);
  const shot = toMessages(buildPrompt(apples, "gsm8k", { fewShot: [apples] }))[2];
  assert.deepEqual(shot, { role: "assistant", content: "She has 3 * 4 = 12 apples.\n#### 12" });
});

Deno.test("buildPrompt() continues a sharegpt conversation, under its own system message where it has one", () => {
  const turns: Example["turns"] = [
    { role: "system", content: "Be kind." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
    { role: "user", content: "How are you?" },
  ];
  const example: Example = { ...apples, dataset: "sharegpt", prompt: "How are you?", turns };
  assert.deepEqual(toMessages(buildPrompt(example, "sharegpt")), turns);
  const plain = toMessages(buildPrompt({ ...example, turns: turns.slice(1) }, "sharegpt"));
  assert.deepEqual(plain, [
    { role: "system", content: getPromptInstructions("sharegpt") },
    ...turns.slice(1),
  ]);
  assert.equal(turns.length, 4);
});

Deno.test("toMessages() puts given turns in place of the prompt's own", () => {
  const turns = [{ role: "user" as const, content: "x" }, { role: "assistant" as const, content: "y" }];
  const built = buildPrompt(lima, "mmlu", { fewShot: [cairo] });
  assert.deepEqual(toMessages(built, turns).slice(1, -1), turns);
  assert.equal(toMessages(built, []).length, 2);
});

Deno.test("an unknown dataset type is refused with the known ones named", () => {
  for (const type of ["arc", "toString", ""]) {
    for (
      const ask of [
        () => buildPrompt(lima, type),
        () => getPromptInstructions(type),
        () => getExpectedFormat(type),
      ]
    ) {
      assert.throws(ask, (e) => e instanceof BadInput && /mmlu, gsm8k, sharegpt: it is/.test(e.message));
    }
  }
});

Deno.test("buildLetterPrompt() scores bare letters after the messages of a chat model", () => {
  const { prompt, continuations, version } = buildLetterPrompt(lima, true, { fewShot: [cairo] });
  assert.deepEqual(prompt, { messages: toMessages(buildPrompt(lima, "mmlu", { fewShot: [cairo] })) });
  assert.deepEqual(continuations, ["A", "B", "C", "D"]);
  assert.equal(version, TEMPLATE_VERSIONS.mmlu);
});

Deno.test("buildLetterPrompt() gives a base model the text of lm-evaluation-harness", () => {
  const { prompt, continuations, version } = buildLetterPrompt(lima, false, { fewShot: [cairo] });
  assert.deepEqual(prompt, {
    text: "The following are multiple choice questions (with answers) about high school geography.\n\n" +
      "Which is in Egypt?\nA. Oslo\nB. Lima\nC. Cairo\nD. Seoul\nAnswer: C\n\n" +
      "Which is in Peru?\nA. Oslo\nB. Lima\nC. Cairo\nD. Seoul\nAnswer:",
  });
  assert.deepEqual(continuations, [" A", " B", " C", " D"]);
  assert.equal(version, TEMPLATE_VERSIONS.mmlu_text);
});

Deno.test("buildLetterPrompt() refuses an example without four choices, or whose prompt does not list them", () => {
  for (const hasChatTemplate of [true, false]) {
    assert.throws(
      () => buildLetterPrompt(apples, hasChatTemplate),
      /gsm8k\/train\/0 .* four choices: it has 0/,
    );
    assert.throws(() => buildLetterPrompt({ ...lima, prompt: "Which?" }, hasChatTemplate), RangeError);
  }
});

Deno.test("chooseShots() takes mmlu's from the same subject, never the example itself, and at most what there is", () => {
  const pool = [
    question("mmlu/dev/9", "x", "A", "anatomy"),
    cairo,
    lima,
    question("mmlu/dev/2", "y", "D"),
    apples,
  ];
  assert.deepEqual(chooseShots(lima, pool, 5).map((s) => s.id), ["mmlu/dev/0", "mmlu/dev/2"]);
  assert.deepEqual(chooseShots(lima, pool, 1).map((s) => s.id), ["mmlu/dev/0"]);
  assert.deepEqual(chooseShots(lima, pool, 0), []);
  assert.deepEqual(chooseShots({ ...apples, id: "gsm8k/test/1" }, pool, 8), [apples]);
});

Deno.test("promptHash() changes with any message and with the version, and with nothing else", () => {
  const messages = toMessages(buildPrompt(lima, "mmlu"));
  const hash = promptHash({ messages }, "mmlu-1");
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(
    promptHash({ messages: messages.map(({ role, content }) => ({ content, role })) }, "mmlu-1"),
    hash,
  );
  assert.notEqual(promptHash({ messages }, "mmlu-2"), hash);
  assert.notEqual(promptHash({ messages: messages.slice(1) }, "mmlu-1"), hash);
  assert.equal(promptHash("a", "v"), promptHash({ text: "a" }, "v"));
});

Deno.test("stripCalculatorNotes() leaves the text around the notes", () => {
  assert.equal(stripCalculatorNotes("3*4=<<3*4=12>>12, 12-2=<<12-2=10>>10"), "3*4=12, 12-2=10");
  assert.equal(stripCalculatorNotes("1 < 2 and 3 >> 2"), "1 < 2 and 3 >> 2");
});

Deno.test("choicePrompt() strips a question as Python's str.strip() does", () => {
  const item = {
    question: "\x1c\u0085\ufeff Which?\ufeff\x1f\n",
    choices: [" a", "b", "c", "d "],
    answer: "A",
  };
  assert.equal(
    choicePrompt("world_religions", item, []),
    "The following are multiple choice questions (with answers) about world religions.\n\n" +
      "\ufeff Which?\ufeff\nA.  a\nB. b\nC. c\nD. d \nAnswer:",
  );
});
