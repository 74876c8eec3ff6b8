/** What the two endpoints differ in: the body they read and the choices they write. */
import type { Generation, TokenEvent } from "../types/mod.ts";
import type { Ask } from "./fields.ts";
import type { TokenTexts } from "./token_texts.ts";

/** One of a request's prompts with what its choice is written from. */
export interface Question {
  /** Place among the request's prompts. */
  index: number;
  ids: readonly number[];
  ask: Ask;
  texts: TokenTexts;
}

export interface Endpoint {
  idPrefix: string;
  /** `object` of a whole answer. */
  object: string;
  /** `object` of a chunk. */
  chunkObject: string;
  /** @throws {ApiError} 400 for a body that cannot be answered. */
  read(body: unknown): Ask;
  /** A choice of a whole answer. */
  choice(question: Question, answer: Generation): unknown;
  /**
   * Makes the writer of a choice's chunks.
   * @returns of each token the JSON of its chunks' choices, one chunk each
   */
  stream(question: Question): (event: TokenEvent) => string[];
}
