import assert from "node:assert/strict";
import type { Example } from "../../types/mod.ts";
import { renderSvg } from "../svg.ts";
import { difficultyChart, histogram, questionLengthChart } from "./questions.ts";

const question = (id: string, dataset: "mmlu" | "gsm8k", more: Partial<Example> = {}): Example => ({
  dataset,
  prompt: id,
  answer: "A",
  subject: "s",
  difficulty: "easy",
  inputLength: 10,
  outputLength: 1,
  id,
  ...more,
});

Deno.test("difficultyChart() shows the shares of each split, MMLU first", async () => {
  const val = [question("a", "mmlu"), question("b", "mmlu", { difficulty: "hard" }), question("c", "gsm8k")];
  const chart = difficultyChart({
    train: val,
    val,
    test: [question("d", "gsm8k", { difficulty: "medium" })],
  });
  assert.match(chart.alt, /MMLU · val 50% easy, MMLU · val 0% medium, MMLU · val 50% hard/);
  assert.match(chart.alt, /^Share of each difficulty: MMLU.*GSM8K · test 0% easy, GSM8K · test 100% medium/);
  const svg = await renderSvg(chart);
  assert.ok(svg.indexOf("MMLU · train") < svg.indexOf("GSM8K · train"));
});

Deno.test("histogram() counts every value once, in at most 30 whole bins", () => {
  const values = Array.from({ length: 500 }, (_, i) => i * i % 997);
  const bins = histogram(values, Math.max(...values));
  assert.ok(bins.length <= 30);
  assert.equal(bins.reduce((sum, b) => sum + b.count, 0), 500);
  for (const { from, to, count, share } of bins) {
    assert.equal(count, values.filter((v) => from <= v && v < to).length);
    assert.equal(share, count / 500);
  }
  assert.deepEqual(histogram([0, 0, 1], 1), [
    { from: 0, to: 1, count: 2, share: 2 / 3 },
    { from: 1, to: 2, count: 1, share: 1 / 3 },
  ]);
});

Deno.test("questionLengthChart() says from where to where the lengths go", async () => {
  const chart = questionLengthChart([question("a", "mmlu"), question("b", "gsm8k", { inputLength: 70 })]);
  assert.match(chart.alt, /Prompt: MMLU from 10 to 10, GSM8K from 70 to 70/);
  assert.match(await renderSvg(chart), />Reference answer</);
});
