/** From result documents to tables, charts and a page. */
export { type Chart, chartsOf } from "./charts/mod.ts";
export { htmlReport, writeCharts, writeHtmlReport } from "./html_report.ts";
export {
  type CapacitiesDocument,
  type CapacityOfVariant,
  writeCapacitiesCharts,
  writeCapacitiesReport,
} from "./capacities.ts";
export { capacityChart, capacityWords } from "./charts/capacity.ts";
export { writeCapacityCharts, writeCapacityReport } from "./capacity_report.ts";
export { writeLoadCharts, writeLoadReport } from "./load_report.ts";
export { readRun, type RunDocuments, type SummaryDocument } from "./run_documents.ts";
export { renderSvg } from "./svg.ts";
export { finalReport } from "./tables.ts";
export { judge, type Verdict } from "./verdict.ts";
export { writeStudyCharts, writeStudyReport } from "./study_report.ts";
