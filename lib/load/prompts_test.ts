import assert from "node:assert/strict";
import { TINY, tinyTokenizerFiles } from "../checkpoint/testing/tiny_tokenizer.ts";
import { loadTokenizer } from "../checkpoint/tokenizer.ts";
import { BadInput } from "../std/errors.ts";
import { clipLengths, type LoadPrompt, questionPrompts, sizedPrompts } from "./prompts.ts";
import { examples } from "./testing/target.ts";

const idsOf = ({ prompt }: LoadPrompt) => (prompt as { ids: readonly number[] }).ids;
const tokenizer = await loadTokenizer(tinyTokenizerFiles());
const lengths = [[1, 1], [2, 5], [50, 7], [3000, 2]].map(([inputTokens, outputTokens]) => ({
  inputTokens,
  outputTokens,
}));

Deno.test("sizedPrompts() gives prompts of exactly the lengths asked for, BOS included, and bounds the answers", () => {
  for (const text of [undefined, examples(30)]) {
    const prompts = sizedPrompts(lengths, { tokenizer, examples: text, seed: 3 });
    assert.deepEqual(prompts.map((p) => idsOf(p).length), [1, 2, 50, 3000]);
    assert.deepEqual(
      prompts.map((p) => p.options),
      [1, 5, 7, 2].map((n) => ({ maxTokens: n, minTokens: n, ignoreEos: true })),
    );
    for (const prompt of prompts) {
      assert.equal(idsOf(prompt)[0], TINY.bos);
      assert.ok(idsOf(prompt).slice(1).every((id) => id < TINY.bos)); // no token of the prompt's structure
    }
    assert.deepEqual(sizedPrompts(lengths, { tokenizer, examples: text, seed: 3 }), prompts);
    assert.notDeepEqual(
      sizedPrompts(lengths, { tokenizer, examples: text, seed: 4 }).map(idsOf),
      prompts.map(idsOf),
    );
  }
});

Deno.test("sizedPrompts() cuts from the examples' own text, over its end where it must", () => {
  const [prompt] = sizedPrompts([{ inputTokens: 400, outputTokens: 1 }], {
    tokenizer,
    examples: examples(3),
    seed: 1,
  });
  const text = tokenizer.decode(idsOf(prompt));
  for (const n of [0, 1, 2]) assert.match(text, new RegExp(`question ${n}\n1\n\n`));
  assert.throws(() => sizedPrompts(lengths, { tokenizer, examples: [], seed: 1 }), BadInput);
});

Deno.test("clipLengths() makes prompt and answer fit, and counts what it cut", () => {
  const given = [[100, 20], [90, 20], [80, 20], [5, 500], [0, 0]].map(([inputTokens, outputTokens]) => ({
    inputTokens,
    outputTokens,
  }));
  const { lengths, clipped } = clipLengths(given, 100);
  assert.deepEqual(lengths.map((l) => [l.inputTokens, l.outputTokens]), [
    [80, 20],
    [80, 20],
    [80, 20],
    [1, 99],
    [1, 1],
  ]);
  assert.deepEqual(clipped, { prompts: 3, answers: 1 });
});

Deno.test("questionPrompts() puts questions as the evaluation does", () => {
  const [first] = questionPrompts(examples(1), () => 9);
  assert.equal(first.id, "gsm8k/test/0");
  assert.deepEqual(first.options, { maxTokens: 9 });
  assert.match(JSON.stringify(first.prompt), /"role":"user","content":"question 0/);
});
