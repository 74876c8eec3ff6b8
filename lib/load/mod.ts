/** Load on a target: patterns that say when to send, and records of what came back. */
export * from "./arrivals.ts";
export * from "./closed_loop.ts";
export {
  type EarlyEnd,
  type Infer,
  type InferContext,
  type LevelOptions,
  type LevelSummary,
  type LoadItem,
  type LoadSettings,
  type Segment,
  sequenceOf,
} from "./level.ts";
export * from "./open_loop.ts";
export * from "./prompts.ts";
export { readRequestRecords } from "./request_log.ts";
export { errorOf } from "./request_record.ts";
export * from "./trace.ts";
