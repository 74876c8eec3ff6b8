import assert from "node:assert/strict";
import { lmEvalResults } from "./lm_eval_results.ts";
import type { Prediction } from "./predictions.ts";
import { gsm8kExample, letters, predict } from "./testing/target.ts";

const near = (row: Record<string, number | null>, expected: Record<string, number | null>) => {
  assert.deepEqual(Object.keys(row), Object.keys(expected));
  for (const [key, value] of Object.entries(expected)) {
    if (value === null || row[key] === null) assert.equal(row[key], value, key);
    else assert.ok(Math.abs(row[key]! - value) < 1e-12, `${key}: ${row[key]}, not ${value}`);
  }
};

// The figures are those of lm_eval.api.metrics 0.4.13 for the same right and wrong answers.
Deno.test("lmEvalResults() weights MMLU's tasks by size and pools their standard errors", () => {
  const rows = lmEvalResults([
    ...letters("algebra", "BABB"),
    ...letters("physics", "AAB"),
    ...letters("law", "BB"), // humanities, the others STEM
  ]);
  assert.deepEqual(Object.keys(rows), [
    "mmlu",
    "mmlu_stem",
    "mmlu_humanities",
    "mmlu_algebra",
    "mmlu_law",
    "mmlu_physics",
  ]);
  const row = (acc: number, stderr: number | null, size: number) => ({
    "acc,none": acc,
    "acc_stderr,none": stderr,
    sample_len: size,
  });
  near(rows.mmlu, row(0.6666666666666666, 0.16197088596792503, 9));
  near(rows.mmlu_stem, row(0.5714285714285714, 0.20118695404073914, 7));
  near(rows.mmlu_algebra, row(0.75, 0.25, 4));
  near(rows.mmlu_law, row(1, 0, 2));
});

Deno.test("lmEvalResults() tells both of GSM8K's extractions, and no error of a single document", () => {
  const predictions = [18, 7, 7, 18, 7].map((n, i): Prediction => ({
    ...predict(gsm8kExample(i), `#### ${n}`),
    strictCorrect: i === 0,
  }));
  const { gsm8k, mmlu } = lmEvalResults(predictions);
  assert.equal(mmlu, undefined);
  near(gsm8k, {
    "exact_match,strict-match": 0.2,
    "exact_match_stderr,strict-match": 0.2,
    "exact_match,flexible-extract": 0.4,
    "exact_match_stderr,flexible-extract": 0.24494897427831783,
    sample_len: 5,
  });
  assert.equal(lmEvalResults(letters("law", "B")).mmlu["acc_stderr,none"], null);
});
