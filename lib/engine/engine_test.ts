import assert from "node:assert/strict";
import type { PromptInput, TokenEvent } from "../types/mod.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { hashNext, ToyRunner } from "./testing/toy_runner.ts";
import { createToyTokenizer } from "./testing/toy_tokenizer.ts";

const PIECES = ["<end>", "a", "b", "c", "ab", " ", "St", "op", "é", "?"];
const END = 0;
const id = (piece: string) => PIECES.indexOf(piece);

/** An engine whose model answers a one-token prompt with the given pieces over and over. */
function speaking(
  pieces: string[],
  options: Partial<EngineOptions> = {},
): { runner: ToyRunner; engine: Engine } {
  const runner = new ToyRunner({
    vocabSize: PIECES.length,
    next: (ids) => id(pieces[(ids.length - 1) % pieces.length]),
  });
  const engine = new Engine({
    name: "toy",
    runner,
    tokenizer: createToyTokenizer(PIECES),
    eosTokenIds: [END],
    now: () => runner.at,
    ...options,
  });
  return { runner, engine };
}

Deno.test("generate() streams tokens with their text and stamps, and counts the end token apart", async () => {
  const { engine } = speaking(["a", "b", "<end>"]);
  const events: TokenEvent[] = [];
  const result = await engine.generate("?", { maxTokens: 9, onToken: (e) => events.push(e) });
  assert.deepEqual(events, [
    { tokenId: id("a"), text: "a", index: 0, at: 1 },
    { tokenId: id("b"), text: "b", index: 1, at: 11 },
    { tokenId: END, text: "", index: 2, at: 21, finishReason: "stop" },
  ]);
  assert.deepEqual(result, {
    text: "ab",
    tokenIds: [id("a"), id("b"), END],
    finishReason: "stop",
    promptTokens: 1,
    outputTokens: 3,
    contentTokens: 2,
    truncatedTokens: 0,
    cachedTokens: 0,
    enqueuedAt: 0,
    admittedAt: 0,
    firstTokenAt: 1,
    lastTokenAt: 11,
    doneAt: 21,
  });
  await engine.close();
});

Deno.test("generate() goes on behind the end token with ignoreEos, and stops at tokens of the caller's", async () => {
  const { engine } = speaking(["a", "<end>", "b"]);
  const ignoring = await engine.generate("?", { maxTokens: 5, ignoreEos: true });
  assert.deepEqual([ignoring.outputTokens, ignoring.contentTokens, ignoring.finishReason], [5, 5, "length"]);
  const stopping = await engine.generate("?", { maxTokens: 5, ignoreEos: true, stopTokens: [id("b")] });
  assert.deepEqual([stopping.outputTokens, stopping.contentTokens, stopping.finishReason], [3, 2, "stop"]);
  await engine.close();
});

Deno.test("generate() ends at a stop string over token borders, and never streams a part of it", async () => {
  const { engine } = speaking(["a", " ", "St", "op", "b"]);
  let streamed = "";
  const result = await engine.generate("?", {
    maxTokens: 9,
    stop: ["Stop", "x"],
    onToken: (e) => streamed += e.text,
  });
  assert.deepEqual([result.text, streamed, result.finishReason, result.outputTokens], [
    "a ",
    "a ",
    "stop",
    4,
  ]);
  await engine.close();
});

Deno.test("generate() gives held text back when the answer ends within what might have been a stop string", async () => {
  const { engine } = speaking(["a", "St"]);
  const result = await engine.generate("?", { maxTokens: 2, stop: ["Stop"] });
  assert.deepEqual([result.text, result.finishReason], ["aSt", "length"]);
  await engine.close();
});

Deno.test("generate() gives log-probabilities where they are asked for", async () => {
  const { engine } = speaking(["a"]);
  const { logprobs } = await engine.generate("?", { maxTokens: 1, logprobs: 2 });
  const total = Math.log(PIECES.reduce((sum, _, v) => sum + Math.exp(v === 1 ? 8 : Math.fround(v / 10)), 0));
  assert.equal(logprobs!.length, 1);
  assert.deepEqual(logprobs![0].top.map(([token]) => token), [1, 9]);
  assert.ok(Math.abs(logprobs![0].logprob - (8 - total)) < 1e-9);
  await engine.close();
});

Deno.test("generate() ends at no end token and no stop string before minTokens", async () => {
  const { engine } = speaking(["a", "<end>", "b", "St", "op"]);
  const logprobs = 0;
  const held = await engine.generate("?", { maxTokens: 9, minTokens: 2, logprobs });
  // "?" is the likeliest token that does not end the answer; the model's own probabilities are told.
  assert.deepEqual([held.text, held.finishReason, held.outputTokens], ["a?bStopa", "stop", 7]);
  assert.ok(held.logprobs![1].logprob < held.logprobs![0].logprob - 7);
  const unstopped = await engine.generate("?", { maxTokens: 4, minTokens: 2, stop: ["a", "b"] });
  assert.deepEqual([unstopped.text, unstopped.finishReason], ["a?", "stop"]);
  await engine.close();
});

for (const length of [1, 8, 9, 20]) {
  Deno.test(`generate() gives the log-probabilities of a prompt of ${length} tokens, and the same answer`, async () => {
    const runner = new ToyRunner({ vocabSize: PIECES.length, chunk: 8 });
    const tokenizer = createToyTokenizer(PIECES);
    await using engine = new Engine({ name: "toy", runner, tokenizer, eosTokenIds: [] });
    const ids = Array.from({ length }, (_, i) => 1 + i % 9);
    const plain = await engine.generate({ ids }, { maxTokens: 3 });
    runner.log.length = 0;
    const scored = await engine.generate({ ids }, { maxTokens: 3, promptLogprobs: 2 });
    assert.deepEqual(scored.tokenIds, plain.tokenIds);
    assert.equal(runner.log.filter((run) => run.startsWith("prefill")).length, length > 9 ? 3 : 1);
    assert.equal(scored.promptLogprobs!.length, length);
    assert.equal(scored.promptLogprobs![0], null);
    scored.promptLogprobs!.slice(1).forEach((scored, i) => {
      const prefix = ids.slice(0, i + 1);
      assert.ok(Math.abs(scored!.logprob - toyLogprob(prefix, ids[i + 1]).logprob) < 1e-6);
      assert.deepEqual(scored!.top.length, 2);
      assert.equal(scored!.top[0][0], hashNext(prefix, PIECES.length));
    });
  });
}

Deno.test("with the prefix cache, a prompt that begins like a scored one is scored from its last chunk on", async () => {
  const score = async (prefixCache: boolean, top: (i: number) => number) => {
    const runner = new ToyRunner({ vocabSize: PIECES.length, chunk: 8 });
    const tokenizer = createToyTokenizer(PIECES);
    await using engine = new Engine({ name: "toy", runner, tokenizer, eosTokenIds: [], prefixCache });
    const answers = [];
    for (const [i, last] of [1, 2, 3].entries()) {
      const ids = [...Array.from({ length: 19 }, (_, i) => 1 + i % 7), last];
      const { promptLogprobs, tokenIds, cachedTokens } = await engine.generate({ ids }, {
        maxTokens: 2,
        promptLogprobs: top(i),
      });
      answers.push({ scores: { promptLogprobs, tokenIds }, cachedTokens });
    }
    return answers;
  };
  const cold = await score(false, () => 2), warm = await score(true, () => 2);
  assert.deepEqual(warm.map((a) => a.scores), cold.map((a) => a.scores));
  assert.deepEqual(warm.map((a) => a.cachedTokens), [0, 16, 16]);
  const others = await score(true, (i) => i);
  assert.deepEqual(others.map((a) => a.cachedTokens), [0, 0, 0]);
  assert.deepEqual(others[2].scores, cold[2].scores);
});

Deno.test("generate() draws the same tokens under a seed, alone and among others", async () => {
  const engine = new Engine({
    name: "toy",
    runner: new ToyRunner({ slots: 8, vocabSize: 32 }),
    tokenizer: null,
    eosTokenIds: [],
  });
  const ask = (seed: number) =>
    engine.generate({ ids: [seed, 2, 3] }, { maxTokens: 20, temperature: 4, seed }).then((r) => r.tokenIds);
  const alone: number[][] = [];
  for (let seed = 0; seed < 8; seed++) alone.push(await ask(seed));
  assert.deepEqual(await Promise.all(alone.map((_, seed) => ask(seed))), alone);
  const greedy: number[] = [0, 2, 3];
  while (greedy.length < 23) greedy.push(hashNext(greedy, 32));
  assert.notDeepEqual(alone[0], greedy.slice(3));
  await engine.close();
});

Deno.test("generate() refuses a prompt that cannot be run, before it costs anything", async () => {
  const { runner, engine } = speaking(["a"]);
  const cases: [PromptInput, RegExp][] = [
    [
      "a".repeat(65),
      /Cannot admit request r17 as its prompt must fit the 64-token KV slot: it has 65 tokens/,
    ],
    ["", /its prompt must have a token: it is empty/],
    [{ ids: [3, 10] }, /its token ids must be below 10: one is 10/],
    [{ ids: [-1] }, /one is -1/],
    [{ ids: [1.5] }, /one is 1.5/],
  ];
  for (const [prompt, message] of cases) {
    await assert.rejects(
      engine.generate(prompt, { maxTokens: 2, requestId: "r17" }),
      (e) => e instanceof RangeError && message.test(e.message),
    );
  }
  await assert.rejects(engine.generate("a", { maxTokens: 0 }), /maxTokens must be/);
  assert.deepEqual(runner.log, []);
  await engine.close();
});

Deno.test("generate() cuts a prompt on the left, keeping room for the output but half of the context at least", async () => {
  const { runner, engine } = speaking(["a"], { overlong: "truncate-left" });
  const run = async (length: number, maxTokens: number) => {
    const { promptTokens, truncatedTokens, outputTokens } = await engine.generate("b".repeat(length), {
      maxTokens,
    });
    return [promptTokens, truncatedTokens, outputTokens];
  };
  assert.deepEqual(await run(64, 5), [64, 0, 1]);
  assert.deepEqual(await run(65, 5), [60, 5, 5]);
  assert.deepEqual(await run(100, 60), [32, 68, 33]);
  assert.ok(runner.log.includes("prefill 0 [56,60) last"));
  await engine.close();
});

/** The toy's logits: 8 for the favourite, v / vocab for the others. */
function toyLogprob(prefix: number[], token: number): { logprob: number; best: boolean } {
  const favourite = hashNext(prefix, PIECES.length);
  const logits = PIECES.map((_, v) => v === favourite ? 8 : Math.fround(v / PIECES.length));
  return {
    logprob: logits[token] - Math.log(logits.reduce((sum, l) => sum + Math.exp(l), 0)),
    best: token === favourite,
  };
}

for (const length of [1, 8, 9, 16, 17, 20, 24]) {
  Deno.test(`score() gives each continuation's log-likelihood behind a prompt of ${length} tokens`, async () => {
    const runner = new ToyRunner({ vocabSize: PIECES.length, chunk: 8 });
    const tokenizer = createToyTokenizer(PIECES);
    await using engine = new Engine({ name: "toy", runner, tokenizer, eosTokenIds: [] });
    const prompt = Array.from({ length }, (_, i) => 1 + i % 9);
    let greedy = "";
    for (const ids = [...prompt]; ids.length < length + 3; ids.push(hashNext(ids, PIECES.length))) {
      greedy += PIECES[hashNext(ids, PIECES.length)];
    }
    const continuations = ["a", greedy, "b", "ca?bé Stop", "é?"];
    const scores = await engine.score({ ids: prompt }, continuations);
    for (const [i, text] of continuations.entries()) {
      const part = tokenizer.encode(text);
      const each = part.map((token, k) => toyLogprob([...prompt, ...part.slice(0, k)], token));
      assert.equal(scores[i].tokens, part.length);
      assert.ok(Math.abs(scores[i].logprob - each.reduce((sum, e) => sum + e.logprob, 0)) < 1e-6);
      assert.equal(scores[i].isGreedy, each.every((e) => e.best));
    }
    assert.equal(engine.stats.running, 0);
  });
}

Deno.test("score() passes once over the prompt, and a continuation of one token costs nothing more", async () => {
  const { runner, engine } = speaking(["a"]);
  const prompt = "b".repeat(18);
  await engine.score(prompt, ["a", "b", "c", "?"]);
  assert.deepEqual(runner.log.splice(0), [
    "prefill 0 [0,8) none",
    "prefill 0 [8,16) none",
    "prefill 0 [16,18) last",
  ]);
  await engine.score(prompt, ["a?", "bb?"]);
  assert.deepEqual(runner.log, [
    "prefill 0 [0,8) none",
    "prefill 0 [8,16) none",
    "prefill 0 [16,19) 1,3",
    "prefill 0 [16,20) 1,4",
  ]);
  await engine.close();
});

Deno.test("score() refuses what it cannot score, and throws the reason of an abort", async () => {
  const { engine } = speaking(["a"]);
  await assert.rejects(engine.score("a", ["b", ""]), /must have a token: it is ""/);
  await assert.rejects(engine.score("a".repeat(63), ["bbb"]), /behind its prompt: they have 63 and 3 tokens/);
  await assert.rejects(engine.score("a", ["b"], AbortSignal.abort(new Error("enough"))), /enough/);
  assert.deepEqual(await engine.score("a", []), []);
  await engine.close();
});
