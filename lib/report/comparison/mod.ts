/** Two runs side by side. */
export { compareRuns, type RunComparison } from "./compare_runs.ts";
export { comparisonPage } from "./page.ts";
export { comparisonText } from "./text.ts";
