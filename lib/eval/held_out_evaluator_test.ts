import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import type { PromptInput } from "../types/mod.ts";
import { type EvaluatorOptions, HeldOutEvaluator } from "./held_out_evaluator.ts";
import { readPredictions } from "./predictions.ts";
import { generation, gsm8kExample, mmluExample, ScoringTarget, ScriptedTarget } from "./testing/target.ts";

const quiet: EvaluatorOptions = { onProgress: () => {}, mmluMethod: "generate" };

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(join(dir, "predictions.jsonl"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("evaluate() counts exact matches of generated letters and numbers", async () => {
  const target = new ScriptedTarget((asked) => {
    if (asked.startsWith("law question 0")) return generation("The answer is B because a car moves");
    if (asked.startsWith("law question 1")) return generation("no idea", { finishReason: "length" });
    if (asked.startsWith("anatomy")) return generation("B) Mercury");
    return generation(asked.includes("problem 0") ? "She pays $18.00" : "#### 19");
  });
  const data = [
    mmluExample(0, "law"),
    mmluExample(1, "law"),
    mmluExample(0),
    mmluExample(1, "anatomy", "C"),
    gsm8kExample(0),
    gsm8kExample(1),
  ];
  const { mmlu, gsm8k, overall } = await new HeldOutEvaluator(target, data, quiet).evaluate();
  assert.deepEqual([mmlu.accuracy, mmlu.em, mmlu.correct_count, mmlu.total_count], [0.5, 0.5, 2, 4]);
  assert.deepEqual(Object.keys(mmlu.by_subject), ["anatomy", "law"]);
  assert.equal(mmlu.by_category.humanities.correct_count, 1);
  assert.deepEqual([mmlu.by_difficulty.easy.accuracy, mmlu.by_difficulty.hard.accuracy], [1, 0]);
  assert.deepEqual([mmlu.unparsable_rate, mmlu.truncated_rate], [0.25, 0.25]);
  assert.deepEqual([gsm8k.correct_count, gsm8k.strict.correct_count, gsm8k.flexible.correct_count], [
    1,
    0,
    1,
  ]);
  assert.equal(gsm8k.strict.unparsable_rate, 0.5);
  assert.deepEqual([overall.correct_count, overall.total_count, overall.macro_accuracy], [3, 6, 0.5]);
  assert.ok(target.asked.every(({ options }) => options.temperature === 0 && options.stop === undefined));
  assert.deepEqual(new Set(target.asked.map(({ options }) => options.maxTokens)), new Set([16, 320]));
});

Deno.test("evaluate() takes the likeliest letter, and keeps the four scores", async () => {
  const target = new ScoringTarget((asked) =>
    asked.startsWith("anatomy question 0") ? [-2, -1, -3, -9] : [-1, -2, -3, -4]
  );
  const evaluator = new HeldOutEvaluator(target, [mmluExample(0), mmluExample(1), gsm8kExample(0)], {
    onProgress: () => {},
  });
  const { mmlu, gsm8k, method, template_versions } = await evaluator.evaluate();
  assert.deepEqual(method, { mmlu: "loglikelihood", gsm8k: "generate" });
  assert.deepEqual(Object.keys(template_versions), ["mmlu", "gsm8k"]);
  assert.deepEqual([mmlu.correct_count, mmlu.unparsable_rate, gsm8k.correct_count], [1, 0, 1]);
  assert.deepEqual(target.scored[0].continuations, ["A", "B", "C", "D"]);
  assert.deepEqual(evaluator.predictions.map((p) => [p.predicted, p.scores]), [
    ["B", [-2, -1, -3, -9]],
    ["A", [-1, -2, -3, -4]],
    ["18", null],
  ]);
});

Deno.test("evaluate() scores plain text where the model has no chat template", async () => {
  const target = new ScoringTarget(() => [-2, -1, -3, -9]);
  await new HeldOutEvaluator(target, [mmluExample(0)], { onProgress: () => {}, hasChatTemplate: false })
    .evaluate();
  const [{ prompt, continuations }] = target.scored;
  assert.match((prompt as { text: string }).text, /\nAnswer:$/);
  assert.deepEqual(continuations, [" A", " B", " C", " D"]);
});

Deno.test("evaluate() generates letters for a target that cannot score, unless scores were asked for", async () => {
  const target = new ScriptedTarget(() => generation("B"));
  const results = await new HeldOutEvaluator(target, [mmluExample(0)], { onProgress: () => {} }).evaluate();
  assert.deepEqual([results.method.mmlu, results.mmlu.accuracy], ["generate", 1]);
  const asked = { ...quiet, mmluMethod: "loglikelihood" } as const;
  assert.throws(
    () => new HeldOutEvaluator(target, [mmluExample(0)], asked),
    (e) => e instanceof BadInput && /scripted does not \(use --mmlu-method generate\)/.test(e.message),
  );
  await new HeldOutEvaluator(target, [gsm8kExample(0)], asked).evaluate();
});

Deno.test("evaluate() keeps at most `concurrency` questions in flight", async () => {
  const target = new ScriptedTarget(() => generation("#### 18"));
  const data = Array.from({ length: 20 }, (_, i) => gsm8kExample(i));
  await new HeldOutEvaluator(target, data, { ...quiet, concurrency: 3 }).evaluate();
  assert.deepEqual([target.mostInFlight, target.asked.length], [3, 20]);
});

Deno.test("evaluate() counts a question that fails as wrong, with its error", async () => {
  const target = new ScriptedTarget((asked) => {
    if (asked.includes("problem 0")) throw new RangeError("Cannot admit the prompt as it must fit");
    if (asked.includes("problem 1")) return generation("#### 18", { finishReason: "abort" });
    return generation("#### 18");
  });
  const evaluator = new HeldOutEvaluator(target, [0, 1, 2].map((i) => gsm8kExample(i)), quiet);
  const { gsm8k } = await evaluator.evaluate();
  assert.deepEqual([gsm8k.correct_count, gsm8k.total_count, gsm8k.error_count], [1, 3, 2]);
  assert.deepEqual(evaluator.predictions.map((p) => p.error?.kind), ["overlong", "abort", undefined]);
});

Deno.test("evaluate() takes log-likelihoods that are not numbers as an error", async () => {
  const target = new ScoringTarget(() => [NaN, -1, -2, -3]);
  const { mmlu } = await new HeldOutEvaluator(target, [mmluExample(0)], { onProgress: () => {} }).evaluate();
  assert.deepEqual([mmlu.correct_count, mmlu.error_count], [0, 1]);
});

Deno.test("evaluate() asks those that show the same shots one after the other, and keeps the order of the questions", async () => {
  const target = new ScriptedTarget(() => generation("B"));
  const pool = { mmlu: [mmluExample(8, "law"), mmluExample(7, "anatomy")], gsm8k: [] };
  const data = ["anatomy", "law", "anatomy", "law"].map((subject, i) => mmluExample(i, subject));
  const options = { ...quiet, concurrency: 1, fewShot: { pool, shots: 1 } };
  const evaluator = new HeldOutEvaluator(target, data, options);
  await evaluator.evaluate();
  const asked = target.asked.map(({ prompt }) => JSON.stringify(prompt).match(/law|anatomy/)![0]);
  assert.deepEqual(asked, ["anatomy", "anatomy", "law", "law"]);
  assert.deepEqual(evaluator.predictions.map((p) => p.id), data.map((e) => e.id));
});

Deno.test("evaluate() shows shots of the same subject and names them", async () => {
  const target = new ScriptedTarget(() => generation("B"));
  const shot = (i: number, subject: string) => ({
    ...mmluExample(i, subject),
    id: `mmlu/dev/${subject}/${i}`,
  });
  const pool = { mmlu: [shot(8, "law"), shot(9, "law"), shot(7, "anatomy")], gsm8k: [gsm8kExample(99)] };
  const data = [mmluExample(0), mmluExample(1), gsm8kExample(0)];
  const results = await new HeldOutEvaluator(target, data, { ...quiet, fewShot: { pool, shots: 1 } })
    .evaluate();
  assert.deepEqual(results.few_shot_ids, { mmlu: ["mmlu/dev/anatomy/7"], gsm8k: ["gsm8k/test/99"] });
  const messages = (prompt: PromptInput) => (prompt as { messages: { content: string }[] }).messages;
  assert.match(messages(target.asked[0].prompt)[1].content, /^anatomy question 7/);
  const without = await new HeldOutEvaluator(target, data, quiet).evaluate();
  assert.notEqual(results.prompt_hash, without.prompt_hash);
  assert.throws(
    () => new HeldOutEvaluator(target, data, { ...quiet, fewShot: { pool, shots: 2 } }),
    /Cannot show 2 solved examples of mmlu\/anatomy .*: it has 1/,
  );
});

Deno.test("evaluate() refuses data without a question, and options out of range", () => {
  const target = new ScriptedTarget(() => generation("B"));
  assert.throws(
    () => new HeldOutEvaluator(target, []),
    /must hold a question of mmlu or gsm8k: it has no record/,
  );
  const chat = { ...gsm8kExample(0), dataset: "sharegpt" as const };
  assert.throws(() => new HeldOutEvaluator(target, [chat], quiet), BadInput);
  for (
    const bad of [{ concurrency: 0 }, { mmluMaxTokens: 0 }, { gsm8kMaxTokens: 1.5 }, { mmluLimit: -1 }, {
      gsm8kLimit: NaN,
    }]
  ) {
    assert.throws(() => new HeldOutEvaluator(target, [gsm8kExample(0)], { ...quiet, ...bad }), BadInput);
  }
});

Deno.test("evaluate() goes on where a killed process stopped, and asks failed questions again", async () => {
  await inFolder(async (path) => {
    const data = Array.from({ length: 6 }, (_, i) => gsm8kExample(i));
    const options = { ...quiet, concurrency: 1, predictionsPath: path, fingerprint: { model: "m1" } };
    const stop = new AbortController();
    const first = new ScriptedTarget((asked) => {
      if (asked.includes("problem 1")) throw new Error("the engine fell over");
      if (asked.includes("problem 3")) stop.abort(new Error("Ctrl-C"));
      return generation("#### 18");
    });
    await assert.rejects(
      new HeldOutEvaluator(first, data, { ...options, signal: stop.signal }).evaluate(),
      /Ctrl-C/,
    );
    assert.equal((await readPredictions(path)).length, 3);
    await Deno.writeTextFile(path, '{"id":"gsm8k/test/3","da', { append: true });

    const second = new ScriptedTarget(() => generation("#### 18"));
    const done: number[] = [];
    const resumed = await new HeldOutEvaluator(second, data, {
      ...options,
      resume: true,
      onProgress: (n) => done.push(n),
    }).evaluate();
    assert.deepEqual(second.asked.map(({ options }) => options.requestId), [
      "gsm8k/test/1",
      "gsm8k/test/3",
      "gsm8k/test/4",
      "gsm8k/test/5",
    ]);
    assert.deepEqual(done, [3, 4, 5, 6]);
    assert.deepEqual([resumed.gsm8k.correct_count, resumed.gsm8k.error_count], [6, 0]);
    assert.deepEqual(
      resumed,
      await new HeldOutEvaluator(new ScriptedTarget(() => generation("#### 18")), data, quiet).evaluate(),
    );
    assert.equal((await readPredictions(path)).length, 6);
  });
});

Deno.test("evaluate() refuses to resume under other settings, or to write over predictions", async () => {
  await inFolder(async (path) => {
    const target = new ScriptedTarget(() => generation("#### 18"));
    const data = [gsm8kExample(0), gsm8kExample(1)];
    const options = { ...quiet, predictionsPath: path, fingerprint: { model: "m1" } };
    await new HeldOutEvaluator(target, data, options).evaluate();
    const again = (more: EvaluatorOptions, examples = data) =>
      new HeldOutEvaluator(target, examples, { ...options, resume: true, ...more }).evaluate();
    await assert.rejects(again({ resume: false }), BadInput);
    await assert.rejects(again({ fingerprint: { model: "m2" } }), /as model must be what it began with/);
    await assert.rejects(again({ gsm8kMaxTokens: 99 }), /as max_tokens must be/);
    await assert.rejects(again({}, data.slice(1)), /as prompt_hash must be/);
    await again({ concurrency: 1 });
    assert.equal(target.asked.length, 2);
  });
});

Deno.test("predictions.jsonl is snake_case and reads back as it was", async () => {
  await inFolder(async (path) => {
    const evaluator = new HeldOutEvaluator(
      new ScoringTarget(() => [-2, -1, -3, -9]),
      [mmluExample(0), gsm8kExample(0)],
      { onProgress: () => {}, predictionsPath: path, concurrency: 1 },
    );
    await evaluator.evaluate();
    const [mmlu, gsm8k] = (await Deno.readTextFile(path)).trim().split("\n").map((l) => JSON.parse(l));
    assert.match(mmlu.prompt_hash, /^[0-9a-f]{64}$/);
    assert.deepEqual([mmlu.scores, mmlu.input_tokens, mmlu.strict_correct], [[-2, -1, -3, -9], null, null]);
    assert.deepEqual([gsm8k.strict_predicted, gsm8k.strict_correct, gsm8k.output_tokens], ["18", true, 5]);
    assert.deepEqual(await readPredictions(path), evaluator.predictions);
  });
});

Deno.test("evaluate() stops at a full disk and aborts what is in flight", async () => {
  await inFolder(async (path) => {
    const { writeSync } = Deno.FsFile.prototype;
    const signals: AbortSignal[] = [];
    const target = new ScriptedTarget((_, { signal }) => {
      signals.push(signal!);
      if (signals.length === 3) return generation("#### 18");
      return new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
    });
    Deno.FsFile.prototype.writeSync = () => {
      throw new Error("No space left on device (os error 28)");
    };
    try {
      const data = Array.from({ length: 9 }, (_, i) => gsm8kExample(i));
      const evaluator = new HeldOutEvaluator(target, data, {
        ...quiet,
        concurrency: 3,
        predictionsPath: path,
      });
      await assert.rejects(evaluator.evaluate(), /Cannot log a prediction to .*No space left/);
      assert.ok(signals.length === 3 && signals[0].aborted && signals[1].aborted);
    } finally {
      Deno.FsFile.prototype.writeSync = writeSync;
    }
  });
});
