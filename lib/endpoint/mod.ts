/** OpenAI-compatible servers as targets of load and evaluation. */
export type { Api } from "./answer_stream.ts";
export type { EndpointTimeouts } from "./channel.ts";
export * from "./config.ts";
export * from "./endpoint_target.ts";
export * from "./errors.ts";
