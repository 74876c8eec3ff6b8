/** Load on a target: patterns that say when to send, and records of what came back. */
export * from "./closed_loop.ts";
export { type Infer, type LevelSummary, type Segment } from "./level.ts";
export { readRequestRecords } from "./request_log.ts";
export { errorOf } from "./request_record.ts";
