/** Whether a request's logits depend on what else is in the batch: for tests on real graphs. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createRandom } from "../../math/random.ts";
import { Batcher, chunkBounds, type Job } from "../batcher.ts";
import type { StepRunner } from "../runner.ts";
import { argmax } from "../sampling.ts";

/** Answers greedily and gives the logits of each output token. */
function* greedyLogits(ids: readonly number[], count: number, chunk: number): Job<Float32Array[]> {
  const seen: Float32Array[] = [];
  let logits!: Float32Array;
  for (const [start, end] of chunkBounds(0, ids.length, chunk)) {
    logits = yield {
      kind: "prefill",
      ids: ids.slice(start, end),
      start,
      rows: end === ids.length ? "last" : "none",
    };
  }
  for (let position = ids.length;; position++) {
    seen.push(logits.slice());
    if (seen.length === count) return seen;
    logits = yield { kind: "decode", tokenId: argmax(logits), position };
  }
}

/**
 * Runs requests of mixed lengths alone, one after the other, then all at once with one more than there are
 * slots, and asserts that each has the same logits, bit for bit.
 * @param outputs most output tokens of a request
 */
export async function assertBatchInvariant(
  runner: StepRunner,
  { longest, outputs }: { longest: number; outputs: number },
): Promise<void> {
  const random = createRandom(11);
  const requests = Array.from({ length: runner.slots + 1 }, (_, r) => ({
    // around the borders of chunks, and random
    ids: Array.from(
      { length: [1, 2, runner.chunk, runner.chunk + 1, longest][r] ?? 1 + random.int(longest) },
      () => random.int(runner.vocabSize),
    ),
    outputs: 2 + random.int(outputs - 1),
  }));
  const run = (batcher: Batcher, { ids, outputs }: typeof requests[number]) =>
    batcher.run(greedyLogits(ids, outputs, runner.chunk));

  const alone: Float32Array[][] = [];
  const batcher = new Batcher(runner);
  for (const request of requests) alone.push((await run(batcher, request))!);
  const together = await Promise.all(requests.map((request) => run(batcher, request)));
  for (const [r, logits] of alone.entries()) {
    assert.equal(together[r]!.length, requests[r].outputs);
    for (const [at, row] of logits.entries()) {
      assert.ok(
        Buffer.from(row.buffer).equals(new Uint8Array(together[r]![at].buffer)),
        `request ${r} (${requests[r].ids.length} prompt tokens): the logits of output token ${at} differ`,
      );
    }
  }
}
