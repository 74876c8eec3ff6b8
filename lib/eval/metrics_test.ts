import assert from "node:assert/strict";
import { EvaluationMetrics } from "./metrics.ts";

Deno.test("exactMatch() compares numbers by value and letters in either case; no answer never matches", () => {
  for (
    const [predicted, gold, match] of [
      ["18.00", "18", true],
      ["$18.00", "18", true],
      ["2,125", "2125", true],
      ["-5", "5", false],
      ["0", "18", false],
      ["b", "B", true],
      ["A", "B", false],
      [null, "B", false],
      [null, "0", false],
    ] as const
  ) {
    assert.equal(EvaluationMetrics.exactMatch(predicted, gold), match, `${predicted} for ${gold}`);
  }
});

Deno.test("EvaluationMetrics extracts letters and numbers, strictly where asked", () => {
  assert.equal(EvaluationMetrics.extractMmluAnswer("The answer is B because a car moves"), "B");
  assert.equal(EvaluationMetrics.extractGsm8kAnswer("She pays $57.00"), "57");
  assert.equal(EvaluationMetrics.extractGsm8kAnswer("She pays $57.00", "strict"), null);
  assert.equal(EvaluationMetrics.extractGsm8kAnswer("#### 57", "strict"), "57");
});
