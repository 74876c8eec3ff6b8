/** From request records to numbers. */
export * from "./calculator.ts";
export * from "./document.ts";
export * from "./slo.ts";
export { figure, heading, intervalText, metricsText, percent, sloText } from "./text.ts";
