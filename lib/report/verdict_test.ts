import assert from "node:assert/strict";
import { wilson } from "../math/mod.ts";
import { MetricsCalculator, type MetricsSummary } from "../metrics/mod.ts";
import { judge } from "./verdict.ts";

/** A level where so many of the requests were within the limits. */
function level(concurrency: number, met: number, total: number): MetricsSummary {
  const { summary } = new MetricsCalculator([]).computeAllMetrics();
  return {
    ...summary,
    concurrency,
    total_requests: total,
    slo_compliance: met / total,
    slo_compliance_ci: wilson(met, total)!,
    slo_violations_by: { ttft: total - met, tpot: 0, e2e: 0, error: 0 },
  };
}

Deno.test("judge() says that the SLO is met, and where that is not proven", () => {
  assert.deepEqual(judge([level(1, 1000, 1000), level(8, 999, 1000)]), {
    status: "met",
    slo: "Met at concurrency 1 and 8.",
    breaks: "Nowhere within the levels tested; the highest was concurrency 8.",
  });
  assert.equal(
    judge([level(1, 32, 32), level(8, 1000, 1000)]).slo,
    "Met at concurrency 1 and 8. Not proven at concurrency 1: too few requests (the 95% interval reaches down to 89.3%).",
  );
});

Deno.test("judge() names the lowest level that breaks, whatever the order, and why", () => {
  assert.deepEqual(judge([level(16, 500, 1000), level(8, 980, 1000), level(1, 1000, 1000)]), {
    status: "partly",
    slo: "Met up to concurrency 1.",
    breaks: "At concurrency 8: 98.0% of 1000 requests within the limits (missed by: TTFT 20).",
  });
  assert.equal(judge([level(4, 1, 1000)]).status, "missed");
});

Deno.test("judge() judges nothing without limits or levels", () => {
  assert.equal(judge([]).status, "not tested");
  assert.equal(
    judge([{ ...level(1, 1, 1), slo: { ttft_ms: null, tpot_ms: null, e2e_ms: null } }]).status,
    "no limits",
  );
});
