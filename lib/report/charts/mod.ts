/** The charts of a run, from its documents. */
import { datasetsOf, type EvaluationDocument, type Level } from "../run_documents.ts";
import { accuracyChart } from "./accuracy.ts";
import type { Chart, Measured } from "./chart.ts";
import { ecdfChart } from "./ecdf.ts";
import { latencyChart } from "./latency.ts";
import { sloChart } from "./slo.ts";
import { throughputChart } from "./throughput.ts";

export { accuracyChart } from "./accuracy.ts";
export type { Chart } from "./chart.ts";
export { ecdfChart, ecdfPoints } from "./ecdf.ts";
export { latencyChart } from "./latency.ts";
export { sloChart } from "./slo.ts";
export { throughputChart } from "./throughput.ts";

/** Gives every chart that the documents of a run hold figures for. */
export function chartsOf(levels: Level[], evaluation: EvaluationDocument | null): Chart[] {
  const measured = levels.filter((l): l is Measured => l.metrics !== null);
  const charts: Chart[] = [];
  if (measured.some((l) => l.metrics.summary.successful_requests > 0)) charts.push(latencyChart(measured));
  if (measured.length) charts.push(throughputChart(measured), sloChart(measured));
  if (levels.some((l) => l.records.some((r) => r.e2eLatencyMs !== null))) charts.push(ecdfChart(levels));
  if (datasetsOf(evaluation).length) charts.push(accuracyChart(evaluation!));
  return charts;
}
