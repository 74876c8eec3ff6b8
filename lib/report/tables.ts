/** The tables that end a run in the terminal. */
import { figure, heading, percent } from "../metrics/mod.ts";
import { datasetsOf, type EvaluationDocument, type SummaryDocument } from "./run_documents.ts";

/** Gives the final report: one table over the concurrency levels, one over accuracy. */
export function finalReport(summary: SummaryDocument): string {
  const row = (cells: string[]) =>
    cells.map((cell, i) => cell.padEnd([15, 15, 13, 13, 13, 0][i])).join("").trimEnd();
  return [
    heading("FINAL SUMMARY REPORT"),
    "",
    "Load Test Results by Concurrency:",
    "Concurrency  Throughput       TTFT P99    TPOT P95    E2E P99     SLO Compl",
    "-------- -------------------- ------------ ------------ ------------ ----------",
    ...summary.load_test_summary.map((level) =>
      row([
        String(level.concurrency),
        figure(level.throughput_tokens_per_sec),
        figure(level.ttft_p99_ms),
        figure(level.tpot_p95_ms),
        figure(level.e2e_p99_ms),
        percent(level.slo_compliance, 1),
      ])
    ),
    "",
    "Accuracy Results:",
    ...accuracyLines(summary.eval_results),
  ].join("\n");
}

function accuracyLines(evaluation: EvaluationDocument | null): string[] {
  const lines = datasetsOf(evaluation).map(({ name, accuracy: a }) =>
    `  ${name.padEnd(10)}${percent(a.accuracy).padStart(8)} (${a.correct_count}/${a.total_count})` +
    (a.wilson_95 ? `  95% CI [${percent(a.wilson_95[0])}, ${percent(a.wilson_95[1])}]` : "")
  );
  return lines.length ? lines : ["  not evaluated"];
}
