/** The requests of other people's clients, as they send them, and what each reads of the answer. */
import assert from "node:assert/strict";
import { idOf, readEvents, withToyServer } from "./testing/toy_server.ts";

const says = ["a", "<end>", "b"];

Deno.test("guidellm: health, models, and a stream of content parts with continuous usage", () =>
  withToyServer({ says }, async ({ url, post }) => {
    assert.equal((await fetch(`${url}/health`)).status, 200);
    const { data: [{ id: model }] } = await (await fetch(`${url}/v1/models`)).json();
    const response = await post("/v1/chat/completions", {
      model,
      messages: [{ role: "user", content: [{ type: "text", text: "a b" }] }],
      max_completion_tokens: 4,
      stop: null,
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    });
    const chunks = (await readEvents(response)).slice(0, -1).map((e) => JSON.parse(e));
    assert.ok(chunks.every((c) => typeof c.usage.completion_tokens === "number"));
    assert.equal(chunks.at(-1).usage.completion_tokens, 4);
  }));

Deno.test("vllm bench serve: a stream of content parts with its request id", () =>
  withToyServer({ says }, async ({ post }) => {
    const response = await post("/v1/chat/completions", null, {
      headers: { "content-type": "application/json", "x-request-id": "bench-5ff2-0" },
      body: JSON.stringify({
        model: "toy/med",
        messages: [{ role: "user", content: [{ type: "text", text: "a" }] }],
        max_completion_tokens: 3,
        stream: true,
        stream_options: { include_usage: true },
        ignore_eos: true,
        temperature: 0.0,
        repetition_penalty: 1.0,
      }),
    });
    assert.equal(response.headers.get("x-request-id"), "bench-5ff2-0");
    const chunks = (await readEvents(response)).slice(0, -1).map((e) => JSON.parse(e));
    // It takes the time to the first token at the first chunk with choices, and the tokens from the usage.
    assert.equal(chunks.filter((c) => c.choices.length > 0).length, 1 + 3);
    assert.equal(chunks.at(-1).usage.completion_tokens, 3);
  }));

Deno.test("AIPerf: a stream of text content, and metrics polled by HEAD and GET", () =>
  withToyServer({ says }, async ({ url, post }) => {
    const response = await post("/v1/chat/completions", {
      model: "toy/med",
      messages: [{ role: "user", name: "", content: "a" }],
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 2,
      ignore_eos: true,
    });
    assert.equal((await readEvents(response)).at(-1), "[DONE]");
    assert.equal((await fetch(`${url}/metrics`, { method: "HEAD" })).status, 200);
    const metrics = await fetch(`${url}/metrics`);
    assert.match(metrics.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    assert.match(await metrics.text(), /vllm:generation_tokens_total\{model_name="toy\/med"\} 2\n/);
  }));

Deno.test("lm-evaluation-harness: gsm8k's token ids and stops", () =>
  withToyServer({ says: ["a", "\n", "b"] }, async ({ ask }) => {
    const { json } = await ask("/v1/completions", {
      model: "toy/med",
      prompt: [[idOf("a")], [idOf("c")]],
      max_tokens: 256,
      temperature: 0,
      stop: ["\nb", "</s>", "<|im_end|>", "Question:"],
      seed: 1234,
    });
    assert.deepEqual(
      json.choices.map((c: { text: string; index: number; finish_reason: string }) => [
        c.index,
        c.text,
        c.finish_reason,
      ]),
      [[0, "a", "stop"], [1, "a", "stop"]],
    );
  }));
