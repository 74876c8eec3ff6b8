/** Whether a request's logits depend on what else is in the batch: for tests on real graphs. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createRandom } from "../../math/random.ts";
import { Batcher, chunkBounds, type Job, type PrefillStep } from "../batcher.ts";
import type { StepRunner } from "../runner.ts";
import { argmax } from "../sampling.ts";

interface Outcome {
  /** float32 [vocab] of each output token. */
  logits: Float32Array[];
  /** Chunks of the prompt whose KV was there. */
  cachedChunks: number;
}

/** Answers greedily and gives the logits of each output token. */
function* greedyLogits(ids: readonly number[], count: number, chunk: number): Job<Outcome> {
  const outcome: Outcome = { logits: [], cachedChunks: 0 };
  let logits!: Float32Array;
  for (const [start, end] of chunkBounds(0, ids.length, chunk)) {
    const rows = end === ids.length ? "last" : "none";
    const step: PrefillStep = { kind: "prefill", ids: ids.slice(start, end), start, rows };
    logits = yield step;
    outcome.cachedChunks += Number(step.cached ?? false);
  }
  for (let position = ids.length;; position++) {
    outcome.logits.push(logits.slice());
    if (outcome.logits.length === count) return outcome;
    logits = yield { kind: "decode", tokenId: argmax(logits), position };
  }
}

/**
 * Runs requests of mixed lengths alone, one after the other, then all at once with one more than there are
 * slots, and asserts that each has the same logits, bit for bit.
 * @param outputs most output tokens of a request
 * @param stem tokens that the requests' prompts have in common, at most: with some, they run thrice at once with
 *   the prefix cache on, and must find a chunk of it
 */
export async function assertBatchInvariant(
  runner: StepRunner,
  { longest, outputs, stem = 0 }: { longest: number; outputs: number; stem?: number },
): Promise<void> {
  const random = createRandom(11);
  const draw = (length: number) => Array.from({ length }, () => random.int(runner.vocabSize));
  const common = draw(stem);
  const requests = Array.from({ length: runner.slots + 1 }, (_, r) => {
    // around the borders of chunks, and random
    const length = [1, 2, runner.chunk, runner.chunk + 1, longest][r] ?? 1 + random.int(longest);
    const shared = r === 4 ? stem : random.int(stem + 1);
    return {
      ids: [...common.slice(0, shared), ...draw(length)].slice(0, longest),
      outputs: 2 + random.int(outputs - 1),
    };
  });
  const batcher = new Batcher(runner);
  const run = async ({ ids, outputs }: typeof requests[number]) =>
    (await batcher.run(greedyLogits(ids, outputs, runner.chunk), undefined, ids))!;

  const alone: Outcome[] = [];
  for (const request of requests) alone.push(await run(request));
  batcher.prefixCache = stem > 0;
  let cachedChunks = 0;
  for (let time = 0; time < (stem > 0 ? 3 : 1); time++) {
    const together = await Promise.all(requests.map(run));
    for (const [r, { logits }] of alone.entries()) {
      cachedChunks += together[r].cachedChunks;
      assert.equal(together[r].logits.length, requests[r].outputs);
      for (const [at, row] of logits.entries()) {
        assert.ok(
          Buffer.from(row.buffer).equals(new Uint8Array(together[r].logits[at].buffer)),
          `request ${r} (${requests[r].ids.length} prompt tokens): the logits of output token ${at} differ`,
        );
      }
    }
  }
  assert.equal(cachedChunks > 0, stem > 0);
}
