/** For tests alone: examples, and a target whose answers end when the test says so. */
import type { Example, Generation } from "../../types/mod.ts";
import type { Infer } from "../level.ts";

export function examples(count: number): Example[] {
  return Array.from({ length: count }, (_, i) => ({
    dataset: "gsm8k",
    prompt: `question ${i}`,
    answer: "1",
    subject: "grade school",
    difficulty: "easy",
    inputLength: 2,
    outputLength: 1,
    id: `gsm8k/test/${i}`,
  }));
}

/** An answer of `contentTokens` tokens: admitted after 1 ms, first token after 10 ms, one each 5 ms, an end token. */
export function answer(at: number, contentTokens = 3): Generation {
  return {
    text: "an answer",
    tokenIds: [],
    finishReason: "stop",
    promptTokens: 7,
    outputTokens: contentTokens + 1,
    contentTokens,
    truncatedTokens: 0,
    enqueuedAt: at,
    admittedAt: at + 1,
    firstTokenAt: contentTokens > 0 ? at + 10 : null,
    lastTokenAt: contentTokens > 0 ? at + 10 + 5 * (contentTokens - 1) : null,
    doneAt: at + 10 + 5 * contentTokens,
  };
}

export interface Call {
  requestId: string;
  exampleId: string;
  signal: AbortSignal;
  succeed(contentTokens?: number): void;
  fail(thrown: unknown): void;
}

/** A target on a clock of its own, which answers when the test ends a call. */
export class ManualTarget {
  clock = 0;
  readonly open: Call[] = [];
  readonly sent: Call[] = [];
  now = () => this.clock;
  infer: Infer = (example, { requestId, signal }) => {
    const at = this.clock;
    return new Promise((resolve, reject) => {
      const end = () => this.open.splice(this.open.indexOf(call), 1);
      const call: Call = {
        requestId,
        exampleId: example.id,
        signal,
        succeed: (tokens) => {
          end();
          resolve(answer(at, tokens));
        },
        fail: (thrown) => {
          end();
          reject(thrown);
        },
      };
      this.open.push(call);
      this.sent.push(call);
    });
  };
}

/** Lets everything that waits on settled promises run. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
