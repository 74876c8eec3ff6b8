import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyChatModel } from "../checkpoint/testing/tiny_chat_model.ts";
import { BadInput } from "../std/errors.ts";
import { setQuiet } from "../std/progress.ts";
import { inTemp } from "../std/test_support.ts";
import { answerMetrics, SingleVariantServer } from "./single_variant_server.ts";

/** A folder of a random chat model whose tokenizer spells every text. */
async function withChatModel(run: (model: string, cacheDir: string) => Promise<void>): Promise<void> {
  setQuiet(true);
  await inTemp(async (dir) => {
    const model = join(dir, "model");
    await writeTinyChatModel(model, 64);
    await run(model, join(dir, "cache"));
  });
  setQuiet(false);
}

Deno.test("SingleVariantServer builds and loads at the first use, and answers with its measures", () =>
  withChatModel(async (model, cacheDir) => {
    await using server = new SingleVariantServer({
      model,
      variant: "med",
      device: "cpu",
      cacheDir,
      slots: 2,
    });
    assert.equal(server.stats, null);
    const [first, second] = await Promise.all([
      server.generate("hello", { maxTokens: 5, ignoreEos: true }),
      server.generate("hello", { maxTokens: 5, ignoreEos: true }),
    ]);
    assert.deepEqual(first.tokenIds, second.tokenIds);
    assert.equal(first.metrics.output_length, 5);
    assert.equal(first.metrics.ttft_ms, first.firstTokenAt! - first.enqueuedAt);
    const { queued, running, slots, context } = server.stats!;
    assert.deepEqual([queued, running, slots, context], [0, 0, 2, 64]);
  }));

Deno.test("SingleVariantServer puts a string into the chat template, and takes text as it is", () =>
  withChatModel(async (model, cacheDir) => {
    await using server = await SingleVariantServer.create({ model, variant: "med", cacheDir, slots: 2 });
    const count = async (prompt: Parameters<typeof server.generate>[0]) =>
      (await server.generate(prompt, { maxTokens: 1 })).promptTokens;
    assert.equal(await count({ text: "hello" }), 2); // a leading <|bos|>
    const asked = await count("hello");
    assert.equal(asked, await count({ messages: [{ role: "user", content: "hello" }] }));
    assert.ok(asked > 10, `${asked}`);
    const scores = await server.score("hello", ["h", "hello"]);
    assert.deepEqual(scores.map((s) => s.tokens), [1, 1]);
  }));

Deno.test("SingleVariantServer refuses a model that is not there, at each use", () =>
  withChatModel(async (model, cacheDir) => {
    await using server = new SingleVariantServer({ model: `${model}-gone`, variant: "med", cacheDir });
    for (let i = 0; i < 2; i++) {
      await assert.rejects(server.generate("hello", { maxTokens: 1 }), BadInput);
    }
  }));

Deno.test("answerMetrics() divides the time between tokens by the content tokens, and has no TPOT below two", () => {
  const generation = {
    text: "ab",
    tokenIds: [1, 2, 3, 0],
    finishReason: "stop" as const,
    promptTokens: 7,
    outputTokens: 4,
    contentTokens: 3,
    truncatedTokens: 0,
    enqueuedAt: 100,
    admittedAt: 110,
    firstTokenAt: 150,
    lastTokenAt: 190,
    doneAt: 300,
  };
  assert.deepEqual(answerMetrics(generation), {
    ttft_ms: 50,
    tpot_ms: 20,
    total_latency_ms: 200,
    throughput_tokens_per_sec: 20,
    input_length: 7,
    output_length: 4,
  });
  assert.equal(answerMetrics({ ...generation, contentTokens: 1 }).tpot_ms, null);
  assert.equal(
    answerMetrics({ ...generation, firstTokenAt: null, lastTokenAt: null, contentTokens: 0 }).ttft_ms,
    null,
  );
});
