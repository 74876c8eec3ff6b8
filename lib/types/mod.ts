/**
 * The vocabulary of slolab: what a question, a prompt, a request and its record are.
 *
 * Code is camelCase; files are snake_case. `toRecord` and `fromRecord` in `case.ts` are the only converters.
 * Result documents (metrics, evaluation, run.json) are built with the snake_case keys that users know.
 */
export * from "./case.ts";
export * from "./example.ts";
export * from "./inference.ts";
export * from "./request.ts";
