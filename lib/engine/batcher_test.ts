import assert from "node:assert/strict";
import { createRandom } from "../math/random.ts";
import { Batcher, chunkBounds } from "./batcher.ts";
import { Engine } from "./engine.ts";
import { hashNext, type ToyOptions, ToyRunner } from "./testing/toy_runner.ts";

function toyEngine(options: ToyOptions = {}): { runner: ToyRunner; engine: Engine } {
  const runner = new ToyRunner(options);
  const engine = new Engine({
    name: "toy",
    runner,
    tokenizer: null,
    eosTokenIds: [],
    now: () => runner.at,
  });
  return { runner, engine };
}

/** A prompt of `length` ids that differs from request to request. */
const promptOf = (request: number, length: number) => ({
  ids: Array.from({ length }, (_, i) => (7 * request + 3 * i) % 32),
});

/** What the toy says on its own. */
function expected(ids: readonly number[], count: number): number[] {
  const all = [...ids];
  for (let i = 0; i < count; i++) all.push(hashNext(all, 32));
  return all.slice(ids.length);
}

Deno.test("chunkBounds() cuts at multiples of the size, and leaves no position alone", () => {
  const bounds = (to: number, from = 0) => [...chunkBounds(from, to, 4)];
  assert.deepEqual(bounds(1), [[0, 1]]);
  assert.deepEqual(bounds(4), [[0, 4]]);
  assert.deepEqual(bounds(5), [[0, 5]]);
  assert.deepEqual(bounds(6), [[0, 4], [4, 6]]);
  assert.deepEqual(bounds(9), [[0, 4], [4, 9]]);
  assert.deepEqual(bounds(11, 4), [[4, 8], [8, 11]]);
  assert.deepEqual(bounds(4, 4), []);
});

Deno.test("batcher() admits a request when a slot frees, in order, to the lowest free slot", async () => {
  const { runner, engine } = toyEngine({ slots: 2 });
  const lengths = [5, 2, 3, 1];
  const admitted: number[] = [];
  const results = await Promise.all(lengths.map(async (maxTokens, r) => {
    const result = await engine.generate(promptOf(r, 3), { maxTokens });
    admitted[r] = result.admittedAt!;
    assert.deepEqual(result.tokenIds, expected(promptOf(r, 3).ids, maxTokens));
    return result;
  }));
  assert.deepEqual(results.map((r) => r.finishReason), Array(4).fill("length"));
  assert.deepEqual(runner.log, [
    "prefill 0 [0,3) last",
    "prefill 1 [0,3) last",
    "decode 0@3 1@3", // the second is done: its slot goes to the third
    "decode 0@4",
    "prefill 1 [0,3) last",
    "decode 0@5 1@3",
    "decode 0@6 1@4", // both are done
    "prefill 0 [0,3) last",
  ]);
  assert.deepEqual(admitted, [0, 0, 16, 49]);
  await engine.close();
});

Deno.test("batcher() runs a decode step before each chunk of a long prompt, and none of its chunks alone", async () => {
  const { runner, engine } = toyEngine({ slots: 3, chunk: 4 });
  const first = engine.generate(promptOf(0, 2), { maxTokens: 6 });
  const second = engine.generate(promptOf(1, 13), { maxTokens: 2 });
  await Promise.all([first, second]);
  assert.deepEqual(runner.log, [
    "prefill 0 [0,2) last",
    "decode 0@2",
    "prefill 1 [0,4) none",
    "decode 0@3",
    "prefill 1 [4,8) none",
    "decode 0@4",
    "prefill 1 [8,13) last",
    "decode 0@5 1@13",
    "decode 0@6",
  ]);
  assert.deepEqual((await second).tokenIds, expected(promptOf(1, 13).ids, 2));
  await engine.close();
});

Deno.test("batcher() stalls 8 streams by one chunk at most while a prompt of 1,000 tokens comes in", async () => {
  const { engine } = toyEngine({ slots: 9, chunk: 128, context: 1100, positionMs: 0.5, decodeMs: 12 });
  const gaps: number[] = [];
  let begun = 0, asked = false;
  const decoding = Promise.withResolvers<void>();
  const streams = Array.from({ length: 8 }, (_, r) => {
    let before: number | null = null;
    return engine.generate(promptOf(r, 60), {
      maxTokens: 80,
      onToken({ at }) {
        if (before === null && ++begun === 8) decoding.resolve();
        if (asked) gaps.push(at - before!);
        before = at;
      },
    });
  });
  await decoding.promise;
  asked = true;
  const long = await engine.generate(promptOf(9, 1000), { maxTokens: 2 });
  await Promise.all(streams);
  const median = gaps.toSorted((a, b) => a - b)[gaps.length >> 1];
  assert.equal(median, 12);
  assert.ok(Math.max(...gaps) <= 3 * median + 128 * 0.5, `${Math.max(...gaps)}`);
  assert.equal(gaps.filter((gap) => gap === 12 + 64).length, 8 * 7); // each stream waits for each whole chunk
  assert.deepEqual(long.tokenIds, expected(promptOf(9, 1000).ids, 2));
  await engine.close();
});

Deno.test("batcher() fits several short prompts between two decode steps, one chunk's worth", async () => {
  const { runner, engine } = toyEngine({ slots: 4, chunk: 8 });
  await Promise.all([3, 3, 3].map((n, r) => engine.generate(promptOf(r, n), { maxTokens: 2 })));
  assert.deepEqual(runner.log, [
    "prefill 0 [0,3) last",
    "prefill 1 [0,3) last",
    "decode 0@3 1@3",
    "prefill 2 [0,3) last",
    "decode 2@3",
  ]);
  await engine.close();
});

Deno.test("batcher() keeps a slot's KV whole while other slots decode, up to the last position", async () => {
  const { engine } = toyEngine({ slots: 3, chunk: 4, context: 12 });
  const results = await Promise.all([
    engine.generate(promptOf(0, 12), { maxTokens: 9 }),
    engine.generate(promptOf(1, 11), { maxTokens: 9 }),
    engine.generate(promptOf(2, 2), { maxTokens: 9 }),
  ]);
  for (const [r, length, count] of [[0, 12, 1], [1, 11, 2], [2, 2, 9]]) {
    assert.deepEqual(results[r].tokenIds, expected(promptOf(r, length).ids, count));
    assert.equal(results[r].finishReason, "length");
  }
  await engine.close();
});

for (
  const [phase, run] of [
    ["in the queue", ""],
    ["in its first chunk", "prefill 1 [0,8) none"],
    ["in its last chunk", "prefill 1 [8,14) last"],
    ["while decoding", "decode 0@6 1@15"],
  ] as const
) {
  Deno.test(`batcher() frees the slot of a request that is aborted ${phase}`, async () => {
    const abort = new AbortController();
    const { runner, engine } = toyEngine({ slots: 2, onRun: (r) => r === run ? abort.abort() : undefined });
    const keep = engine.generate(promptOf(0, 3), { maxTokens: 8 });
    const gone = engine.generate(promptOf(1, 14), { maxTokens: 8, signal: abort.signal });
    const next = engine.generate(promptOf(2, 3), { maxTokens: 2 });
    if (run === "") abort.abort();
    const result = await gone;
    assert.equal(result.finishReason, "abort");
    assert.equal(result.admittedAt === null, run === "");
    assert.deepEqual(result.tokenIds, expected(promptOf(1, 14).ids, 8).slice(0, result.outputTokens));
    assert.deepEqual((await keep).tokenIds, expected(promptOf(0, 3).ids, 8));
    assert.deepEqual((await next).tokenIds, expected(promptOf(2, 3).ids, 2));
    assert.deepEqual([engine.stats.queued, engine.stats.running], [0, 0]);
    assert.ok(run === "" || runner.log.includes(run));
    await engine.close();
  });
}

Deno.test("batcher() never starts a request whose signal was aborted before", async () => {
  const { runner, engine } = toyEngine();
  const result = await engine.generate(promptOf(0, 3), { maxTokens: 2, signal: AbortSignal.abort() });
  assert.deepEqual([result.finishReason, result.admittedAt, runner.log], ["abort", null, []]);
  await engine.close();
});

Deno.test("batcher() fails the requests of a decode step that fails, and goes on with the others", async () => {
  let broken = 0;
  const { engine } = toyEngine({
    slots: 2,
    onRun: (run) => {
      if (run === "decode 0@4 1@4" && broken++ === 0) throw new Error("out of memory");
    },
  });
  const results = await Promise.allSettled(
    [0, 1, 2].map((r) => engine.generate(promptOf(r, 3), { maxTokens: 4 })),
  );
  for (const result of results.slice(0, 2)) {
    assert.ok(
      result.status === "rejected" && /each of its steps must run: out of memory/.test(result.reason.message),
    );
  }
  assert.ok(results[2].status === "fulfilled");
  assert.deepEqual(results[2].value.tokenIds, expected(promptOf(2, 3).ids, 4));
  assert.equal(engine.stats.running, 0);
  await engine.close();
});

Deno.test("batcher() fails only the request whose prompt fails, or whose callback throws", async () => {
  const { engine } = toyEngine({
    onRun: (run) => {
      if (run.startsWith("prefill 1")) throw new Error("bad chunk");
    },
  });
  const results = await Promise.allSettled([0, 1, 2].map((r) =>
    engine.generate(promptOf(r, 3), {
      maxTokens: 4,
      onToken: ({ index }) => {
        if (r === 2 && index === 1) throw new Error("listener");
      },
    })
  ));
  assert.deepEqual(results.map((r) => r.status), ["fulfilled", "rejected", "rejected"]);
  assert.deepEqual(
    results.map((r) => r.status === "rejected" ? r.reason.message.split(": ").at(-1) : r.value.outputTokens),
    [4, "bad chunk", "listener"],
  );
  await engine.close();
});

Deno.test("close() ends what is running and queued, then refuses more", async () => {
  const runner = new ToyRunner({ slots: 1 });
  const results: Promise<unknown>[] = [];
  {
    await using engine = new Engine({ name: "toy", runner, tokenizer: null, eosTokenIds: [] });
    for (const r of [0, 1, 2]) results.push(engine.generate(promptOf(r, 3), { maxTokens: 2 }));
  }
  assert.equal(runner.closed, true);
  assert.equal((await Promise.allSettled(results)).filter((r) => r.status === "fulfilled").length, 3);
  const batcher = new Batcher(new ToyRunner());
  await Promise.all([batcher.close(), batcher.close()]);
  assert.throws(() => batcher.run((function* () {})()), /as the engine must be open/);
});

Deno.test("batcher() gives 500 random requests with aborts their own answers, and leaves every slot free", async () => {
  const random = createRandom(5);
  const { runner, engine } = toyEngine({ slots: 5, chunk: 4, context: 40 });
  let aborted = 0;
  await Promise.all(Array.from({ length: 500 }, async (_, r) => {
    const prompt = promptOf(r, 1 + random.int(40)), maxTokens = 1 + random.int(12);
    const abort = new AbortController(), abortAt = random.int(3) === 0 ? random.int(8) : -1;
    if (abortAt === 0) queueMicrotask(() => abort.abort());
    const result = await engine.generate(prompt, {
      maxTokens,
      signal: abort.signal,
      onToken: ({ index }) => {
        if (index + 1 === abortAt) abort.abort();
      },
    });
    const wanted = expected(prompt.ids, Math.min(maxTokens, 40 - prompt.ids.length + 1));
    if (result.finishReason === "abort") {
      aborted++;
      assert.deepEqual(result.tokenIds, wanted.slice(0, result.outputTokens));
    } else assert.deepEqual(result.tokenIds, wanted);
  }));
  assert.ok(aborted > 50, `${aborted}`);
  assert.deepEqual([engine.stats.queued, engine.stats.running], [0, 0]);
  assert.ok(runner.log.some((run) => run.startsWith("decode 0@") && run.includes(" 4@")));
  await engine.close();
});
