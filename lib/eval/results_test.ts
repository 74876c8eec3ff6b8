import assert from "node:assert/strict";
import { wilson } from "../math/mod.ts";
import { judgeError } from "./questions.ts";
import { accuracyReport } from "./report_text.ts";
import { type EvaluationSettings, summarizePredictions } from "./results.ts";
import { gsm8kExample, letters, mmluExample, predict, question } from "./testing/target.ts";

const settings: EvaluationSettings = {
  method: { mmlu: "generate", gsm8k: "generate" },
  max_tokens: { mmlu: 16, gsm8k: 320 },
  template_versions: {},
  prompt_hash: "",
  few_shot_ids: { mmlu: [], gsm8k: [] },
  shots: { mmlu: 0, gsm8k: 0 },
  protocol: "slolab",
  chat_template_applied: true,
  seed: 0,
};

Deno.test("summarizePredictions() tells micro and macro averages, and clusters MMLU's error by subject", () => {
  const predictions = [...letters("law", "BBBA"), ...letters("anatomy", "AA")];
  const { mmlu } = summarizePredictions(predictions, settings);
  assert.deepEqual([mmlu.accuracy, mmlu.macro_accuracy], [0.5, (0.75 + 0) / 2]);
  assert.deepEqual(mmlu.wilson_95, wilson(3, 6));
  // Residuals sum to 1 in law and -1 in anatomy: sqrt(1 + 1) / 6.
  assert.ok(Math.abs(mmlu.standard_error! - Math.SQRT2 / 6) < 1e-12);
  assert.equal(summarizePredictions(letters("law", "BA"), settings).mmlu.standard_error, null);
});

Deno.test("summarizePredictions() gives GSM8K the binomial standard error", () => {
  const predictions = [18, 18, 18, 7].map((n, i) => predict(gsm8kExample(i), `#### ${n}`));
  const { gsm8k } = summarizePredictions(predictions, settings);
  assert.ok(Math.abs(gsm8k.standard_error! - Math.sqrt(0.75 * 0.25 / 4)) < 1e-12);
});

Deno.test("summarizePredictions() gives null, not 0, where a data set has no question", () => {
  const { mmlu, gsm8k, overall } = summarizePredictions(letters("law", "B"), settings);
  assert.deepEqual(
    [
      gsm8k.accuracy,
      gsm8k.em,
      gsm8k.total_count,
      gsm8k.wilson_95,
      gsm8k.unparsable_rate,
      gsm8k.macro_accuracy,
    ],
    [null, null, 0, null, null, null],
  );
  assert.deepEqual([mmlu.accuracy, overall.accuracy, overall.macro_accuracy], [1, 1, 1]);
});

Deno.test("accuracyReport() keeps the layout that users know, with intervals and rates", () => {
  const failed = judgeError(question(mmluExample(9)), { kind: "engine", message: "it fell over" });
  const predictions = [
    ...letters("law", "BBBA"),
    failed,
    predict(gsm8kExample(0), "#### 18"),
    predict(gsm8kExample(1), "It is 18"),
  ];
  assert.equal(
    accuracyReport(summarizePredictions(predictions, settings)),
    `MMLU Results:
  Accuracy: 60.00%  95% CI [23.07%, 88.24%]
  Correct:  3/5
  Macro:    37.50% (mean of 2 subjects)
  Method:   generation
  Unread:   20.00% of the answers could not be read
  Cut:      0.00% ended at the token limit
  Errors:   1 questions failed and count as wrong

GSM8K Results:
  Accuracy: 100.00%  95% CI [34.24%, 100.00%]
  Correct:  2/2
  Strict:   50.00% (1/2), the number after ####
  Flexible: 100.00% (2/2), else the last number
  Unread:   0.00% of the answers could not be read
  Cut:      0.00% ended at the token limit

OVERALL Results:
  Accuracy: 71.43%  95% CI [35.89%, 91.78%]
  Correct:  5/7`,
  );
  const onlyMmlu = accuracyReport(summarizePredictions(letters("law", "B"), settings));
  assert.ok(!onlyMmlu.includes("GSM8K") && onlyMmlu.includes("OVERALL"));
});
