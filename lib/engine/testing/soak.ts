/** Many requests of mixed lengths with random aborts, watched for what they leave behind: for tests and benchmarks. */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRandom } from "../../math/random.ts";
import type { Engine } from "../engine.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

export interface SoakOptions {
  vocabSize: number;
  /** Requests in all (default 2,000). */
  requests?: number;
  /** In flight at once (default half as many again as there are slots). */
  concurrency?: number;
  longestPrompt: number;
  longestOutput: number;
}

export interface SoakOutcome {
  requests: number;
  aborted: number;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  /** Resident bytes after 500 requests, the garbage collected. */
  rssAfter500: number;
  /** The same at every 100th request from there on: the largest. */
  largestRss: number;
}

/**
 * Puts requests to an engine: half of them begin alike, a quarter are aborted, in the queue or at some token.
 * @throws {AssertionError} where a slot stays taken.
 */
export async function soak(engine: Engine, options: SoakOptions): Promise<SoakOutcome> {
  const { vocabSize, requests = 2000, longestPrompt, longestOutput } = options;
  const { concurrency = Math.ceil(1.5 * engine.stats.slots) } = options;
  const random = createRandom(3);
  const draw = (length: number) => Array.from({ length }, () => random.int(vocabSize));
  const stems = [1, 2, 3].map(() => draw(longestPrompt));
  const outcome = { requests, aborted: 0, promptTokens: 0, cachedTokens: 0, outputTokens: 0 };
  const resident: number[] = [];
  let next = 0;

  const worker = async () => {
    while (next < requests) {
      const number = ++next;
      const length = 1 + random.int(longestPrompt), shared = random.int(2) * random.int(length);
      const ids = [...stems[random.int(stems.length)].slice(0, shared), ...draw(length - shared)];
      const abort = new AbortController();
      const abortAt = random.int(4) === 0 ? random.int(longestOutput) : -1;
      if (abortAt === 0) setTimeout(() => abort.abort());
      const result = await engine.generate({ ids }, {
        maxTokens: 1 + random.int(longestOutput),
        temperature: random.int(2),
        seed: number,
        signal: abort.signal,
        onToken: ({ index }) => {
          if (index + 1 === abortAt) abort.abort();
        },
      });
      outcome.aborted += Number(result.finishReason === "abort");
      outcome.promptTokens += result.promptTokens;
      outcome.cachedTokens += result.cachedTokens ?? 0;
      outcome.outputTokens += result.outputTokens;
      if (number >= 500 && number % 100 === 0) {
        collectGarbage();
        resident.push(Deno.memoryUsage().rss);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  assert.deepEqual([engine.stats.queued, engine.stats.running], [0, 0]);
  return { ...outcome, rssAfter500: resident[0], largestRss: Math.max(...resident) };
}
