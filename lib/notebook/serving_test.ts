import assert from "node:assert/strict";
import { Engine } from "../engine/engine.ts";
import { ToyRunner } from "../engine/testing/toy_runner.ts";
import { createToyTokenizer } from "../engine/testing/toy_tokenizer.ts";
import { TracedRunner } from "../engine/traced_runner.ts";
import { DEFAULT_SLO } from "../metrics/mod.ts";
import { slotSpans } from "../report/charts/serving.ts";
import type { Example } from "../types/mod.ts";
import {
  answerExamples,
  evaluate,
  SUBJECT_HEAD,
  subjectRows,
  TROUBLE_HEAD,
  troubleRows,
} from "./accuracy.ts";
import { answeredCount, sweep } from "./load.ts";
import {
  overlapCount,
  sameAnswers,
  STEP_HEAD,
  stepRows,
  TRACE_HEAD,
  traceAll,
  traceOne,
  traceRow,
} from "./serving.ts";

/** Every letter is a token. */
const PIECES = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).concat("\n");

const example = (i: number): Example => ({
  dataset: i % 2 ? "gsm8k" : "mmlu",
  prompt: i % 2 ? `What is ${i} + 1?` : `Which is ${i}?\nA) a\nB) b\nC) c\nD) d`,
  answer: i % 2 ? String(i + 1) : "ABCD"[i / 2 % 4],
  choices: i % 2 ? undefined : ["a", "b", "c", "d"],
  subject: i % 2 ? "grade_school_math" : "anatomy",
  difficulty: "easy",
  inputLength: 5,
  outputLength: 1,
  id: `q${i}`,
});
const EXAMPLES = Array.from({ length: 6 }, (_, i) => example(i));

/** A toy of two slots on a fake clock. */
function toyServer() {
  const toy = new ToyRunner({ slots: 2, chunk: 64, context: 1024, vocabSize: PIECES.length });
  const now = () => toy.at;
  const runner = new TracedRunner(toy, now);
  const engine = new Engine({
    name: "toy",
    runner,
    tokenizer: createToyTokenizer(PIECES),
    eosTokenIds: [],
    now,
  });
  return { engine, runner, [Symbol.asyncDispose]: () => engine.close() };
}

Deno.test("traceOne() keeps the arrival of every token and the steps that made them", async () => {
  await using server = toyServer();
  const { arrivals, generations, steps } = await traceOne(server, { text: "Hello" }, { maxTokens: 4 });
  assert.equal(arrivals.map((a) => a.text).join(""), generations[0].text);
  assert.equal(arrivals.length, 4);
  const [prefill, decode] = stepRows(steps);
  assert.deepEqual(prefill, ["prefill", 1, 5, "5.0", "5.0"]);
  assert.deepEqual(decode, ["decode", 3, 3, "30.0", "10.0"]);
  assert.equal(prefill.length, STEP_HEAD.length);
  assert.deepEqual(stepRows([])[0], ["prefill", 0, 0, "0.0", "-"]);
});

Deno.test("traceAll() gives the same answers in turn and together, which takes fewer runs", async () => {
  await using server = toyServer();
  const inTurn = await traceAll(server, EXAMPLES, { maxTokens: 5 }, "in turn");
  const together = await traceAll(server, EXAMPLES, { maxTokens: 5 }, "together");
  assert.equal(sameAnswers(inTurn, together), 6);
  const other = { ...together, generations: together.generations.toReversed() };
  assert.ok(sameAnswers(inTurn, other) < 6);
  assert.ok(together.steps.length < inTurn.steps.length);
  assert.deepEqual(traceRow("x", { ...together, seconds: 10 }), [
    "x",
    6,
    30,
    "10.00",
    "3.0",
    together.steps.length,
  ]);
  assert.equal(traceRow("x", together).length, TRACE_HEAD.length);
  const spans = slotSpans(together.steps);
  assert.equal(new Set(spans.map((s) => s.request)).size, 6);
  assert.equal(overlapCount(spans), 0);
  assert.equal(overlapCount([spans[0], { ...spans[0], fromMs: spans[0].toMs - 1 }]), 1);
});

Deno.test("sweep() gives a level for each concurrency, every request answered", async () => {
  await using server = toyServer();
  const seen: number[] = [];
  const settings = { concurrencies: [1, 3], numRequests: 7, maxTokens: 3, slo: DEFAULT_SLO, seed: 1 };
  const levels = await sweep(server.engine, EXAMPLES, settings, (l) => seen.push(l.concurrency));
  assert.deepEqual(seen, [1, 3]);
  assert.equal(answeredCount(levels), 14);
  for (const { row, records, metrics, concurrency } of levels) {
    assert.deepEqual([row.concurrency, row.num_requests, records.length], [concurrency, 7, 7]);
    assert.equal(metrics.summary.total_output_tokens, 21);
    assert.equal(metrics.summary.warmup_requests, 1);
  }
});

Deno.test("evaluate() asks both data sets, and its tables and examples hold every question", async () => {
  await using server = toyServer();
  const settings = { mmluLimit: 3, gsm8kLimit: 2, gsm8kMaxTokens: 6, slots: 2, seed: 0 };
  const { results, predictions } = await evaluate(server, EXAMPLES, settings);
  assert.deepEqual([results.mmlu.total_count, results.gsm8k.total_count, predictions.length], [3, 2, 5]);
  assert.equal(results.overall.error_count, 0);
  const subjects = subjectRows(results);
  assert.deepEqual(subjects.map((row) => [row[0], row[2]]), [
    ["MMLU · anatomy", 3],
    ["GSM8K · grade school math", 2],
  ]);
  assert.equal(subjects[0].length, SUBJECT_HEAD.length);
  const troubles = troubleRows(results);
  assert.deepEqual(troubles[1], ["GSM8K", 2, troubles[1][2], "100.0%", 0]);
  assert.equal(troubles[0].length, TROUBLE_HEAD.length);
  const texts = [true, false].map((correct) => answerExamples(predictions, EXAMPLES, correct, 5)).join("\n");
  for (const { id } of predictions) assert.ok(texts.includes(`${id} (`));
  assert.match(texts, /log-likelihoods: A -?\d/);
  assert.equal(answerExamples([], EXAMPLES, true), "no answer was right");
});
