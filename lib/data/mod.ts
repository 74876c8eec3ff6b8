/** Questions: from the hub, a folder or the sample to train, val, test and few-shot pools. */
export * from "./documents.ts";
export type { FewShot } from "./few_shot.ts";
export { HubClient, HubUnreachable } from "./hub.ts";
export * from "./load.ts";
export type { Manifest } from "./manifest.ts";
export { DataPreprocessor, type Gsm8kSplit, SPLIT_SEED } from "./preprocessor.ts";
export { SPLITS } from "./split.ts";
export { type CountTokens, loadTokenCounter } from "./token_counter.ts";
