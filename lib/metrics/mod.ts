/** From request records to numbers. */
export * from "./calculator.ts";
export * from "./capacity_document.ts";
export * from "./compare_levels.ts";
export {
  compareShares,
  DEFAULT_THRESHOLDS,
  type Difference,
  type Thresholds,
  verdictOf,
} from "./difference.ts";
export * from "./document.ts";
export { EXPORT_FORMATS, type ExportFormat, exportRun } from "./export/mod.ts";
export { type LevelFiles, readLevels, readMetrics } from "./level_files.ts";
export * from "./probe_judge.ts";
export * from "./slo.ts";
export { figure, heading, intervalText, metricsText, percent, sloText } from "./text.ts";
