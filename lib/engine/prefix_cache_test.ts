import assert from "node:assert/strict";
import { createRandom } from "../math/random.ts";
import { Engine } from "./engine.ts";
import { PrefixCache } from "./prefix_cache.ts";
import { hashNext, type ToyOptions, ToyRunner } from "./testing/toy_runner.ts";
import { createToyTokenizer } from "./testing/toy_tokenizer.ts";

/** Chunks of 4. */
function cachingEngine(options: ToyOptions = {}): { runner: ToyRunner; engine: Engine } {
  const runner = new ToyRunner({ chunk: 4, beginsAnywhere: true, ...options });
  const pieces = Array.from({ length: runner.vocabSize }, (_, i) => String.fromCodePoint(97 + i));
  const engine = new Engine({
    name: "toy",
    runner,
    tokenizer: createToyTokenizer(pieces),
    eosTokenIds: [],
    prefixCache: true,
    now: () => runner.at,
  });
  return { runner, engine };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => (from + i) % 32);

/** What the toy says on its own. */
function expected(ids: readonly number[], count: number): number[] {
  const all = [...ids];
  for (let i = 0; i < count; i++) all.push(hashNext(all, 32));
  return all.slice(ids.length);
}

Deno.test("a prompt goes on from the whole chunks that it shares with an earlier one", async () => {
  const { runner, engine } = cachingEngine({ slots: 1 });
  const shared = range(0, 10);
  for (
    const [rest, runs] of [
      [[20, 21], ["prefill 0 [0,4) none", "prefill 0 [4,8) none", "prefill 0 [8,12) last"]],
      [[22, 23, 24], ["prefill 0 [8,13) last"]],
    ] as const
  ) {
    const ids = [...shared, ...rest];
    const result = await engine.generate({ ids }, { maxTokens: 1 });
    assert.deepEqual(result.tokenIds, expected(ids, 1));
    assert.equal(result.cachedTokens, 12 - 4 * runs.length);
    assert.deepEqual(runner.log.splice(0), runs);
  }
  assert.deepEqual([engine.stats.prefixQueriedTokens, engine.stats.prefixCachedTokens], [12 + 13, 8]);
  await engine.close();
});

for (const length of range(1, 15)) {
  Deno.test(`a prompt of ${length} tokens asked again runs the chunks that a cold run has, the last one always`, async () => {
    const { runner, engine } = cachingEngine({ slots: 1 });
    const ids = range(0, length);
    await engine.generate({ ids }, { maxTokens: 1 });
    const cold = runner.log.splice(0);
    const { cachedTokens, tokenIds } = await engine.generate({ ids }, { maxTokens: 1 });
    assert.deepEqual(runner.log, cold.slice(-1));
    assert.equal(cachedTokens, 4 * (cold.length - 1));
    assert.deepEqual(tokenIds, expected(ids, 1));
    await engine.close();
  });
}

Deno.test("nothing is taken that a prompt's odd last chunk or an answer left", async () => {
  const { runner, engine } = cachingEngine({ slots: 1 });
  const ids = range(0, 5); // one chunk of 5
  const { tokenIds } = await engine.generate({ ids }, { maxTokens: 6 });
  runner.log.length = 0;
  await engine.generate({ ids: [...ids, ...tokenIds, 9, 9] }, { maxTokens: 1 });
  assert.equal(runner.log[0], "prefill 0 [0,4) none");
  await engine.close();
});

Deno.test("a prompt takes copies of what a busy slot holds, also of one whose prompt has just come in", async () => {
  const { runner, engine } = cachingEngine({ slots: 3 });
  const shared = range(3, 11);
  const results = await Promise.all([0, 1, 2].map(async (r) => {
    const ids = [...shared, 20 + r, 25 + r, 30];
    const result = await engine.generate({ ids }, { maxTokens: 5 });
    assert.deepEqual(result.tokenIds, expected(ids, 5));
    return result.cachedTokens;
  }));
  assert.deepEqual(results, [0, 8, 8]);
  assert.deepEqual(runner.log.filter((run) => !run.startsWith("decode")), [
    "prefill 0 [0,4) none",
    "prefill 0 [4,8) none",
    "prefill 0 [8,11) last",
    "copy 0>1 [0,4)",
    "copy 0>1 [4,8)",
    "prefill 1 [8,11) last",
    "copy 0>2 [0,4)",
    "copy 0>2 [4,8)",
    "prefill 2 [8,11) last",
  ]);
  await engine.close();
});

Deno.test("a runner that cannot copy runs the chunks of another slot's prompt again", async () => {
  const { runner, engine } = cachingEngine({ slots: 2, copies: false });
  const ids = range(0, 9);
  const both = await Promise.all([0, 1].map(() => engine.generate({ ids }, { maxTokens: 2 })));
  assert.deepEqual(both.map((b) => [b.tokenIds, b.cachedTokens]), Array(2).fill([expected(ids, 2), 0]));
  assert.ok(runner.log.includes("prefill 1 [0,4) none"));
  await engine.close();
});

Deno.test("the prompt that was used the longest ago makes room, and one asked again goes to its own slot", async () => {
  const { runner, engine } = cachingEngine({ slots: 3 });
  const prompts = [0, 1, 2, 3].map((p) => ({ ids: range(8 * p, 8 * p + 6) }));
  const ask = async (p: number) => {
    runner.log.length = 0;
    const { tokenIds, cachedTokens } = await engine.generate(prompts[p], { maxTokens: 2 });
    assert.deepEqual(tokenIds, expected(prompts[p].ids, 2));
    return [Number(runner.log[0].split(" ")[1]), cachedTokens];
  };
  assert.deepEqual(await ask(0), [0, 0]);
  assert.deepEqual(await ask(1), [1, 0]);
  assert.deepEqual(await ask(2), [2, 0]);
  assert.deepEqual(await ask(0), [0, 4]);
  assert.deepEqual(await ask(3), [1, 0]); // prompt 1 was the oldest
  assert.deepEqual(await ask(2), [2, 4]);
  assert.deepEqual(await ask(0), [0, 4]);
  assert.deepEqual(await ask(1), [1, 0]);
  await engine.close();
});

Deno.test("what an idle slot holds survives the decodes around it, up to the context's last position", async () => {
  for (const beginsAnywhere of [true, false]) {
    const { engine } = cachingEngine({ slots: 3, context: 12, beginsAnywhere });
    const kept = range(0, 12); // its last chunk reaches the end of the slot: it is not kept
    await Promise.all([
      engine.generate({ ids: range(5, 7) }, { maxTokens: 9 }),
      engine.generate({ ids: kept }, { maxTokens: 1 }), // slot 1, idle while 0 and 2 decode
      engine.generate({ ids: range(9, 11) }, { maxTokens: 9 }),
    ]);
    const again = await engine.generate({ ids: kept }, { maxTokens: 1 });
    assert.deepEqual([again.tokenIds, again.cachedTokens], [expected(kept, 1), 8]);
    await engine.close();
  }
});

Deno.test("score() goes on from KV that is there, and leaves none of its continuations", async () => {
  const { runner, engine } = cachingEngine({ slots: 1 });
  const cold = cachingEngine({ slots: 1 });
  cold.engine.prefixCache = false;
  const continuations = ["b", "ghijkl", "aa"];
  for (const ids of [range(0, 10), [...range(0, 9), 30], range(0, 10), [...range(0, 10), 6, 7, 8]]) {
    assert.deepEqual(
      await engine.score({ ids }, continuations),
      await cold.engine.score({ ids }, continuations),
    );
  }
  assert.ok(engine.stats.prefixCachedTokens >= 24, `${engine.stats.prefixCachedTokens}`);
  assert.ok(runner.log.length < cold.runner.log.length);
  for (const { engine: e } of [{ engine }, cold]) await e.close();
});

Deno.test("KV of a chunk whose run failed is never taken", async () => {
  let fails = true;
  const { engine } = cachingEngine({
    slots: 1,
    onRun: (run) => {
      if (fails && run === "prefill 0 [4,8) none") throw new Error("out of memory");
    },
  });
  const ids = range(0, 10);
  await assert.rejects(engine.generate({ ids }, { maxTokens: 1 }), /out of memory/);
  fails = false;
  const { tokenIds, cachedTokens } = await engine.generate({ ids }, { maxTokens: 1 });
  assert.deepEqual([tokenIds, cachedTokens], [expected(ids, 1), 4]);
  await engine.close();
});

Deno.test("turning the prefix cache off forgets what is held, at once", async () => {
  const { engine } = cachingEngine({ slots: 1 });
  const ids = range(0, 10);
  const cached = async () => (await engine.generate({ ids }, { maxTokens: 1 })).cachedTokens;
  assert.deepEqual([await cached(), await cached()], [0, 8]);
  engine.prefixCache = false;
  assert.equal(await cached(), 0);
  engine.prefixCache = true;
  assert.deepEqual([await cached(), await cached()], [0, 8]);
  await engine.close();
});

Deno.test("1,000 random requests with shared beginnings and aborts get the answers of cold runs", async () => {
  for (const copies of [true, false]) {
    const random = createRandom(8);
    const { runner, engine } = cachingEngine({ slots: 5, context: 40, copies });
    const stems = Array.from({ length: 6 }, (_, s) => range(s, s + 30));
    let aborted = 0;
    const one = async () => {
      const stem = stems[random.int(stems.length)].slice(0, 1 + random.int(30));
      const ids = [...stem, ...Array.from({ length: random.int(10) }, () => random.int(32))];
      const maxTokens = 1 + random.int(8), abort = new AbortController();
      const abortAt = random.int(4) === 0 ? random.int(5) : -1;
      if (abortAt === 0) queueMicrotask(() => abort.abort());
      const result = await engine.generate({ ids }, {
        maxTokens,
        signal: abort.signal,
        onToken: ({ index }) => {
          if (index + 1 === abortAt) abort.abort();
        },
      });
      const wanted = expected(ids, Math.min(maxTokens, 40 - ids.length + 1));
      aborted += Number(result.finishReason === "abort");
      assert.deepEqual(result.tokenIds, wanted.slice(0, result.outputTokens));
      if (result.finishReason !== "abort") assert.equal(result.outputTokens, wanted.length);
    };
    // now many at once, now few
    for (let wave = 0; wave < 50; wave++) await Promise.all(Array.from({ length: wave % 20 }, one));
    await Promise.all(Array.from({ length: 500 }, one));
    assert.ok(aborted > 50, `${aborted}`);
    assert.equal(runner.log.some((run) => run.startsWith("copy")), copies);
    const { prefixCachedTokens, prefixQueriedTokens } = engine.stats;
    assert.ok(prefixCachedTokens > (copies ? 0.2 : 0.05) * prefixQueriedTokens, `${prefixCachedTokens}`);
    assert.deepEqual([engine.stats.queued, engine.stats.running], [0, 0]);
    await engine.close();
  }
});

Deno.test("PrefixCache holds whole chunks in a row from position 0, until they are overwritten", () => {
  const cache = new PrefixCache(2, 4, 32);
  cache.wrote(0, range(0, 4), 0);
  cache.wrote(0, range(4, 9), 4); // one more than a chunk
  cache.wrote(0, range(8, 12), 8); // not behind what is held
  assert.deepEqual([cache.held(0), cache.held(1), cache.held(7)], [4, 0, 0]);
  cache.wrote(0, range(4, 8), 4);
  assert.equal(cache.find(0, range(4, 8), 4), 0);
  assert.equal(cache.find(1, range(0, 4), 0), 0);
  assert.equal(cache.find(1, range(4, 8), 4), null); // slot 1 lacks what precedes
  assert.equal(cache.find(0, range(0, 3), 0), null);
  cache.overwrite(0, 6);
  assert.equal(cache.held(0), 4);
});
