/** The official client against the server. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { gate, idOf, type ToyServerOptions, until, withToyServer } from "./testing/toy_server.ts";

const withClient = (
  options: ToyServerOptions,
  run: (client: OpenAI, server: Parameters<Parameters<typeof withToyServer>[1]>[0]) => Promise<void>,
) =>
  withToyServer(options, (server) =>
    run(
      new OpenAI({ baseURL: `${server.url}/v1`, apiKey: options.apiKey ?? "none", maxRetries: 0 }),
      server,
    ));

const model = "toy/med";
const messages = [{ role: "user" as const, content: "a" }];

Deno.test("openai: models", () =>
  withClient({ names: ["toy/med", "toy/cheap"], apiKey: "secret" }, async (client) => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    assert.deepEqual(ids, ["toy/med", "toy/cheap"]);
    assert.equal((await client.models.retrieve("toy/cheap")).id, "toy/cheap");
  }));

Deno.test("openai: chat, whole and streamed with usage", () =>
  withClient({ says: ["a", "é", "<end>"] }, async (client) => {
    const whole = await client.chat.completions.create({ model, messages, temperature: 0 });
    assert.equal(whole.choices[0].message.content, "aé");
    assert.equal(whole.choices[0].finish_reason, "stop");
    assert.equal(whole.usage?.total_tokens, 4);
    assert.ok(whole._request_id);

    const stream = client.chat.completions.stream({
      model,
      messages: [{ role: "user", content: [{ type: "text", text: "a" }] }],
      temperature: 0,
      logprobs: true,
      top_logprobs: 1,
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on("content", (delta) => deltas.push(delta));
    const final = await stream.finalChatCompletion();
    assert.equal(deltas.join(""), "aé");
    assert.equal(final.choices[0].message.content, "aé");
    assert.deepEqual(final.choices[0].logprobs?.content?.map((c) => c.token), ["a", "é", "<end>"]);
    assert.deepEqual(final.usage, whole.usage);
  }));

Deno.test("openai: completions, whole and streamed, with echo and log-probabilities", () =>
  withClient({}, async (client) => {
    const prompt = [[idOf("a")], [idOf("a"), idOf("c"), idOf("a")]];
    const whole = await client.completions.create({
      model,
      prompt,
      max_tokens: 2,
      temperature: 0,
      echo: true,
      logprobs: 1,
    });
    assert.deepEqual(whole.choices.map((c) => c.text), ["aab", "acaab"]);
    assert.deepEqual(whole.choices[1].logprobs?.tokens, ["a", "c", "a", "a", "b"]);
    const texts = ["", ""];
    const stream = await client.completions.create({
      model,
      prompt,
      max_tokens: 2,
      temperature: 0,
      stream: true,
    });
    for await (const { choices } of stream) for (const { index, text } of choices) texts[index] += text;
    assert.deepEqual(texts, ["ab", "ab"]);
  }));

Deno.test("openai: errors are its own classes, with their fields", async () => {
  await withClient({}, async (client) => {
    const chat = (more: Record<string, unknown>) =>
      client.chat.completions.create({ model, messages, ...more });
    await assert.rejects(
      chat({ temperature: -1 }),
      (e) =>
        e instanceof OpenAI.BadRequestError && e.param === "temperature" && /must be >=0/.test(e.message),
    );
    await assert.rejects(
      chat({ model: "gpt-4" }),
      (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found",
    );
    await assert.rejects(
      chat({ messages: [{ role: "user", content: "a".repeat(65) }], stream: true }),
      (e) => e instanceof OpenAI.BadRequestError && e.code === "context_length_exceeded",
    );
  });
  await withClient({ apiKey: "secret" }, async (_, { url }) => {
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "guess", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  });
  const onRun = (run: string) => {
    if (run.startsWith("decode")) throw new Error("out of memory");
  };
  await withClient({ onRun, onError: () => {} }, async (client) => {
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 3, stream: true });
    await assert.rejects(async () => {
      for await (const _ of stream);
    }, /out of memory/);
  });
});

Deno.test("openai: a full queue is a RateLimitError that says when to come again", async () => {
  const { onRun, reached, release } = gate(/decode/);
  await withClient({ slots: 1, maxQueue: 0, onRun }, async (client) => {
    const running = client.chat.completions.create({ model, messages, max_tokens: 2 });
    await reached;
    await assert.rejects(
      client.chat.completions.create({ model, messages, max_tokens: 2 }),
      (e) => e instanceof OpenAI.RateLimitError && Number(e.headers.get("retry-after")) >= 1,
    );
    release();
    await running;
  });
});

Deno.test("openai: an aborted stream frees its slot", async () => {
  const onRun = () => new Promise<void>((resolve) => setTimeout(resolve));
  await withClient(
    { slots: 1, context: 5000, onRun },
    async (client, { engines: [engine], runners: [runner] }) => {
      const stream = await client.chat.completions.create({
        model,
        messages,
        max_completion_tokens: 5000,
        stream: true,
      });
      for await (const chunk of stream) if (chunk.choices[0].delta.content) break; // its iterator aborts the request
      await until(() => engine.stats.running === 0);
      assert.ok(runner.log.length < 5000, "the answer went on to its end");
    },
  );
});
