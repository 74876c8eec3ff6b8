import assert from "node:assert/strict";
import { finalReport } from "./tables.ts";

const row = (
  concurrency: number,
  tokens: number | null,
  ttft: number,
  tpot: number,
  e2e: number,
  slo: number,
) => ({
  concurrency,
  num_requests: 5000,
  duration_sec: 20.3,
  success_rate: 0.9996,
  throughput_tokens_per_sec: tokens,
  ttft_p99_ms: ttft,
  tpot_p95_ms: tpot,
  e2e_p99_ms: e2e,
  slo_compliance: slo,
  slo_violations: 85,
});
const accuracy = (correct_count: number, total_count: number) => ({
  accuracy: correct_count / total_count,
  correct_count,
  total_count,
});

Deno.test("finalReport() has the layout that users know", () => {
  const text = finalReport({
    load_test_summary: [
      row(1, 1287.45, 189.45, 21.23, 2134.45, 0.9832),
      row(16, 5234.56, 789.34, 89.34, 9876.54, 0.876),
    ],
    eval_results: {
      mmlu: { ...accuracy(2283, 3335), wilson_95: [0.668, 0.7001] },
      gsm8k: accuracy(982, 1375),
      overall: accuracy(3265, 4710),
    },
  });
  assert.deepEqual(text.split("\n"), [
    "=".repeat(80),
    "FINAL SUMMARY REPORT",
    "=".repeat(80),
    "",
    "Load Test Results by Concurrency:",
    "Concurrency  Throughput       TTFT P99    TPOT P95    E2E P99     SLO Compl",
    "-------- -------------------- ------------ ------------ ------------ ----------",
    "1              1287.45        189.45       21.23        2134.45      98.3%",
    "16             5234.56        789.34       89.34        9876.54      87.6%",
    "",
    "Accuracy Results:",
    "  MMLU        68.46% (2283/3335)  95% CI [66.80%, 70.01%]",
    "  GSM8K       71.42% (982/1375)",
    "  OVERALL     69.32% (3265/4710)",
  ]);
});

Deno.test("finalReport() says what was not measured", () => {
  const text = finalReport({ load_test_summary: [row(1, null, 1, 1, 1, 1)], eval_results: null });
  assert.match(text, /^1 {14}n\/a/m);
  assert.match(text, /Accuracy Results:\n {2}not evaluated$/);
});
