import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { gate, idOf, readEvents, until, withToyServer } from "./testing/toy_server.ts";

const chat = (content: unknown = "a", more: Record<string, unknown> = {}) => ({
  model: "toy/med",
  messages: [{ role: "user", content }],
  max_tokens: 3,
  temperature: 0,
  ...more,
});
const completion = (prompt: unknown = "a", more: Record<string, unknown> = {}) => ({
  model: "toy/med",
  prompt,
  max_tokens: 3,
  temperature: 0,
  ...more,
});

Deno.test("a chat completion has OpenAI's form", () =>
  withToyServer({}, async ({ ask }) => {
    const { status, json } = await ask("/v1/chat/completions", chat("a"));
    assert.equal(status, 200);
    assert.match(json.id, /^chatcmpl-/);
    assert.ok(Math.abs(json.created - Date.now() / 1000) < 60);
    const { id: _, created: __, ...rest } = json;
    assert.deepEqual(rest, {
      object: "chat.completion",
      model: "toy/med",
      choices: [{
        index: 0,
        message: { role: "assistant", content: "aba", refusal: null },
        logprobs: null,
        finish_reason: "length",
      }],
      usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 },
    });
  }));

Deno.test("a chat stream opens with the role, has a chunk a token, and ends with its reason and [DONE]", () =>
  withToyServer({ says: ["a", "é", "<end>"] }, async ({ post }) => {
    const response = await post("/v1/chat/completions", chat("a", { stream: true, max_tokens: 9 }));
    assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
    const events = await readEvents(response);
    assert.equal(events.pop(), "[DONE]");
    const chunks = events.map((event) => JSON.parse(event));
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
    assert.deepEqual(chunks.map((c) => c.object), Array(4).fill("chat.completion.chunk"));
    assert.deepEqual(chunks.map((c) => c.choices), [
      [{ index: 0, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: { content: "a" }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: { content: "é" }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: { content: "" }, logprobs: null, finish_reason: "stop" }],
    ]);
    assert.ok(chunks.every((c) => !("usage" in c)));
  }));

Deno.test("stream_options.include_usage adds a last chunk, continuous_usage_stats tells it with each", () =>
  withToyServer({}, async ({ post }) => {
    const usages = async (stream_options: unknown) => {
      const body = chat("ab", { stream: true, stream_options });
      const events = await readEvents(await post("/v1/chat/completions", body));
      return events.slice(0, -1).map((event) => JSON.parse(event)).map((c) => [
        c.choices.length,
        c.usage?.completion_tokens ?? null,
        c.usage?.total_tokens ?? null,
      ]);
    };
    assert.deepEqual(await usages({ include_usage: true }), [
      [1, null, null],
      [1, null, null],
      [1, null, null],
      [1, null, null],
      [0, 3, 4],
    ]);
    assert.deepEqual(await usages({ include_usage: true, continuous_usage_stats: true }), [
      [1, 1, 2],
      [1, 1, 2],
      [1, 2, 3],
      [1, 3, 4],
      [0, 3, 4],
    ]);
  }));

Deno.test("a completion takes a text, texts, token ids and lists of token ids", () =>
  withToyServer({}, async ({ ask }) => {
    const answers = async (prompt: unknown) => {
      const { json } = await ask("/v1/completions", completion(prompt));
      assert.equal(json.object, "text_completion");
      assert.match(json.id, /^cmpl-/);
      return [
        json.choices.map((c: { index: number; text: string }) => [c.index, c.text]),
        json.usage.prompt_tokens,
      ];
    };
    assert.deepEqual(await answers("a"), [[[0, "aba"]], 1]);
    assert.deepEqual(await answers(["a", "a c"]), [[[0, "aba"], [1, "aba"]], 4]);
    assert.deepEqual(await answers([idOf("a"), idOf("b")]), [[[0, "bab"]], 2]);
    assert.deepEqual(await answers([[idOf("a")], [idOf("b"), idOf("b")]]), [[[0, "aba"], [1, "bab"]], 3]);
  }));

Deno.test("a completion stream of several prompts tells its choices apart, and each one's end", () =>
  withToyServer({}, async ({ post }) => {
    const body = completion(["a", "a c"], { stream: true, stream_options: { include_usage: true } });
    const chunks = (await readEvents(await post("/v1/completions", body))).slice(0, -1).map((e) =>
      JSON.parse(e)
    );
    const { usage } = chunks.pop();
    assert.deepEqual(usage, { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 });
    for (const index of [0, 1]) {
      const own = chunks.flatMap((c) => c.choices).filter((c) => c.index === index);
      assert.equal(own.map((c) => c.text).join(""), "aba");
      assert.deepEqual(own.map((c) => c.finish_reason), [null, null, "length"]);
    }
  }));

Deno.test("content parts are joined, developer speaks as system, null fields are as if absent", () =>
  withToyServer({}, async ({ ask, runners }) => {
    const { status, json } = await ask("/v1/chat/completions", {
      model: null,
      messages: [
        { role: "developer", content: "c" },
        { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }], name: "x" },
      ],
      max_completion_tokens: 2,
      max_tokens: null,
      temperature: null,
      ignore_eos: true,
      stop: null,
      stream: null,
      stream_options: null,
      n: null,
      logit_bias: {},
      tools: [],
      user: "someone",
      no_such_field: { deep: [1] },
    });
    assert.equal(status, 200, JSON.stringify(json));
    assert.deepEqual(json.usage, { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 });
    assert.ok(runners[0].log.includes("prefill 0 [0,2) last"));
  }));

Deno.test("sampling fields reach the engine", () =>
  withToyServer({ says: ["a", "<end>", "b", "St", "op"] }, async ({ ask }) => {
    const text = async (more: Record<string, unknown>) => {
      const { json } = await ask(
        "/v1/completions",
        completion("a", { max_tokens: 5, ...more }),
      );
      return [json.choices[0].text, json.choices[0].finish_reason];
    };
    assert.deepEqual(await text({}), ["a", "stop"]);
    assert.deepEqual(await text({ ignore_eos: true }), ["a<end>bStop", "length"]);
    assert.deepEqual(await text({ ignore_eos: true, stop: "Stop" }), ["a<end>b", "stop"]);
    assert.deepEqual(await text({ ignore_eos: true, stop: ["x", "b"] }), ["a<end>", "stop"]);
    assert.deepEqual(await text({ ignore_eos: true, stop_token_ids: [idOf("St")] }), ["a<end>b", "stop"]);
    assert.deepEqual(await text({ min_tokens: 2 }), ["a\nbStop", "length"]);
    const drawn = (more: Record<string, unknown>) =>
      text({ temperature: 50, ignore_eos: true, seed: 7, ...more });
    assert.deepEqual(await drawn({}), await drawn({}));
    assert.notDeepEqual(await drawn({}), await drawn({ seed: 8 }));
    assert.deepEqual(await drawn({ top_k: 1 }), ["a<end>bStop", "length"]);
    assert.deepEqual(await drawn({ top_p: 1e-6 }), ["a<end>bStop", "length"]);
    assert.deepEqual(await drawn({ top_k: -1 }), await drawn({}));
  }));

for (
  const [path, body, param, message] of [
    ["chat/completions", chat("a", { temperature: -1 }), "temperature", /must be >=0: it is -1/],
    ["chat/completions", chat("a", { temperature: "hot" }), "temperature", /must be number: it is "hot"/],
    ["chat/completions", chat("a", { top_p: 0 }), "top_p", /it is 0/],
    ["chat/completions", chat("a", { n: 2 }), "n", /must be 1: it is 2/],
    ["chat/completions", chat("a", { max_tokens: 0 }), "max_tokens", /it is 0/],
    ["chat/completions", chat("a", { max_completion_tokens: 1.5 }), "max_completion_tokens", /it is 1.5/],
    ["chat/completions", chat("a", { stop: ["x", ""] }), "stop.1", /length must be >=1: it is 0/],
    ["chat/completions", chat("a", { stop: Array(17).fill("x") }), "stop", /it is 17/],
    ["chat/completions", chat("a", { top_logprobs: 2 }), "top_logprobs", /logprobs must be true/],
    ["chat/completions", chat("a", { logprobs: true, top_logprobs: 21 }), "top_logprobs", /<=20: it is 21/],
    ["chat/completions", chat("a", { logit_bias: { 5: 1 } }), "logit_bias.5", /./],
    ["chat/completions", chat("a", { presence_penalty: 0.5 }), "presence_penalty", /must be 0/],
    ["chat/completions", chat("a", { tools: [{}] }), "tools", /./],
    [
      "chat/completions",
      chat("a", { response_format: { type: "json_object" } }),
      "response_format.type",
      /"text"/,
    ],
    ["chat/completions", chat("a", { min_tokens: 4 }), "min_tokens", /at most the 3 of max_tokens/],
    [
      "chat/completions",
      chat("a", { stream_options: { include_usage: true } }),
      "stream_options",
      /stream must/,
    ],
    [
      "chat/completions",
      chat([{ type: "image_url", image_url: {} }]),
      "messages.0.content.0.type",
      /"image_url"/,
    ],
    ["chat/completions", chat("a", { messages: [] }), "messages", /./],
    [
      "chat/completions",
      chat("a", { messages: [{ role: "tool", content: "a" }] }),
      "messages.0.role",
      /"tool"/,
    ],
    ["chat/completions", { model: "toy/med" }, "messages", /must be given/],
    ["chat/completions", 5, null, /the body/],
    ["chat/completions", chat(""), "messages", /must have a token/],
    [
      "chat/completions",
      chat("a".repeat(65), { stream: true }),
      "messages",
      /context of 64 tokens: it has 65/,
    ],
    ["completions", completion("?".repeat(64 * 64 + 1)), "prompt", /of 64 tokens: it has 4097 characters/],
    ["completions", completion("a".repeat(65)), "prompt", /context of 64 tokens: it has 65/],
    ["completions", completion(["a", ["b"]]), "prompt.1", /must be string/],
    ["completions", completion([]), "prompt", /./],
    ["completions", completion([[1], [10]]), "prompt", /below 10: one is 10/],
    ["completions", completion([[1], [-1]]), "prompt.1.0", /it is -1/],
    ["completions", completion("a", { logprobs: true }), "logprobs", /must be number/],
    ["completions", completion("a", { max_tokens: 0 }), "max_tokens", /without echo/],
    ["completions", completion("a", { echo: true, stream: true }), "echo", /stream/],
    ["completions", completion("a", { best_of: 2 }), "best_of", /./],
    ["completions", completion("a", { suffix: "b" }), "suffix", /./],
  ] as const
) {
  Deno.test(`a body is refused for ${param}: ${JSON.stringify(body).slice(0, 90)}`, () =>
    withToyServer({}, async ({ ask, runners }) => {
      const { status, json } = await ask(`/v1/${path}`, body);
      assert.equal(status, 400);
      assert.deepEqual(Object.keys(json.error), ["message", "type", "param", "code"]);
      assert.equal(json.error.type, "invalid_request_error");
      assert.equal(json.error.param, param);
      assert.match(json.error.message, message);
      assert.deepEqual(runners[0].log, []);
    }));
}

Deno.test("errors have OpenAI's shape and the right status, and name the request", () =>
  withToyServer({ maxBodyBytes: 200 }, async ({ url, post, ask }) => {
    const malformed = await fetch(`${url}/v1/completions`, { method: "POST", body: '{"prompt":' });
    assert.equal(malformed.status, 400);
    assert.match((await malformed.json()).error.message, /must be JSON/);

    const unknown = await ask("/v1/completions", completion("a", { model: "gpt-4" }));
    assert.equal(unknown.status, 404);
    assert.equal(unknown.json.error.code, "model_not_found");

    const path = await fetch(`${url}/v2/completions`);
    assert.equal(path.status, 404);
    assert.equal((await path.json()).error.type, "invalid_request_error");

    const method = await fetch(`${url}/v1/completions`, { headers: { "x-request-id": "r 1.a" } });
    assert.deepEqual([method.status, method.headers.get("allow"), method.headers.get("x-request-id")], [
      405,
      "POST",
      "r 1.a",
    ]);
    assert.equal((await method.json()).error.type, "invalid_request_error");

    for (const body of [completion("a".repeat(300)), completion("a", { user: "x".repeat(300) })]) {
      assert.equal((await ask("/v1/completions", body)).status, 413);
    }
    const endless = new ReadableStream<Uint8Array>({ pull: (c) => c.enqueue(new Uint8Array(100)) });
    const chunked = await post("/v1/completions", null, { body: endless });
    assert.equal(chunked.status, 413);
    assert.equal((await chunked.json()).error.type, "invalid_request_error");
  }));

Deno.test("messages that the model's template refuses are 400", () => {
  const refuse = () => {
    throw new BadInput("Cannot render a chat of user, user as roles must alternate");
  };
  return withToyServer({ tokenizer: { promptIds: refuse } }, async ({ ask }) => {
    for (const path of ["/v1/chat/completions", "/tokenize"]) {
      const { status, json } = await ask(path, chat());
      assert.equal(status, 400);
      assert.match(json.error.message, /roles must alternate/);
    }
  });
});

Deno.test("a failed run is 500 before the stream begins, and an error event within it", async () => {
  const failures: string[] = [];
  const onError = (thrown: unknown, requestId: string) => failures.push(`${requestId} ${thrown}`);
  const failing = (matches: RegExp) => (run: string) => {
    if (matches.test(run)) throw new Error("out of memory");
  };
  const init = (body: unknown) => ({ body: JSON.stringify(body), headers: { "x-request-id": "r1" } });
  await withToyServer({ onError, onRun: failing(/prefill/) }, async ({ post }) => {
    for (const body of [chat(), chat("a", { stream: true })]) {
      const response = await post("/v1/chat/completions", null, init(body));
      assert.equal(response.status, 500);
      const { error } = await response.json();
      assert.equal(error.type, "server_error");
      assert.match(error.message, /out of memory/);
    }
  });
  await withToyServer({ onError, onRun: failing(/decode/) }, async ({ post }) => {
    const response = await post("/v1/chat/completions", null, init(chat("a", { stream: true })));
    assert.equal(response.status, 200);
    const events = await readEvents(response);
    assert.equal(events.at(-1), "[DONE]");
    assert.match(JSON.parse(events.at(-2)!).error.message, /out of memory/);
  });
  assert.equal(failures.length, 3);
  assert.ok(failures.every((line) => /^r1 .*out of memory/.test(line)));
});

Deno.test("x-request-id comes back and names the answer; a request without one gets one", () =>
  withToyServer({}, async ({ post, url }) => {
    const named = await post("/v1/completions", completion(), { headers: { "x-request-id": "bench-7" } });
    assert.equal(named.headers.get("x-request-id"), "bench-7");
    assert.equal((await named.json()).id, "cmpl-bench-7");
    const health = await fetch(`${url}/health`);
    assert.match(health.headers.get("x-request-id")!, /^[0-9a-f-]{36}$/);
    await health.body?.cancel();
  }));

Deno.test("an API key is asked for everywhere but at /health and /metrics", () =>
  withToyServer({ apiKey: "secret" }, async ({ url, post }) => {
    const status = async (response: Response) => {
      await response.body?.cancel();
      return response.status;
    };
    for (const headers of [undefined, { authorization: "Bearer secre" }, { authorization: "secret" }]) {
      assert.equal(await status(await post("/v1/completions", completion(), { headers })), 401);
      assert.equal(await status(await fetch(`${url}/v1/models`, { headers })), 401);
      assert.equal(await status(await post("/tokenize", { prompt: "a" }, { headers })), 401);
    }
    const headers = { authorization: "Bearer secret" };
    assert.equal(await status(await post("/v1/completions", completion(), { headers })), 200);
    assert.equal(await status(await fetch(`${url}/health`)), 200);
    assert.equal(await status(await fetch(`${url}/metrics`)), 200);
    const refused = await fetch(`${url}/v1/models`);
    assert.equal((await refused.json()).error.code, "invalid_api_key");
  }));

Deno.test("beyond the queue a request is 429 with Retry-After, whichever model it is for; a free slot takes it", async () => {
  const { onRun, reached, release } = gate(/decode/);
  await withToyServer(
    { names: ["toy/med", "toy/cheap"], slots: 1, maxQueue: 1, onRun },
    async ({ ask, engines, url }) => {
      const running = ask("/v1/completions", completion());
      await reached;
      const waiting = ask("/v1/completions", completion());
      await until(() => engines[0].stats.queued === 1);
      const refused = await ask("/v1/completions", completion());
      assert.equal(refused.status, 429);
      assert.equal(refused.json.error.type, "rate_limit_error");
      assert.ok(Number(refused.headers.get("retry-after")) >= 1);

      const other = ask("/v1/chat/completions", chat("a", { model: "toy/cheap" })); // has a slot
      await until(() => engines[1].stats.running === 1);
      const shared = await ask("/v1/chat/completions", chat("a", { model: "toy/cheap", stream: true }));
      assert.equal(shared.status, 429);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.match(metrics, /slolab:requests_refused_total\{model_name="toy\/med"\} 1\n/);
      assert.match(metrics, /vllm:num_requests_waiting\{model_name="toy\/med"\} 1\n/);
      release();
      for (const answer of [running, waiting, other]) assert.equal((await answer).status, 200);
    },
  );
});

Deno.test("each prompt of a request counts in the queue; more than slots and queue hold is 400", async () => {
  const { onRun, reached, release } = gate(/decode/);
  const many = (count: number) => completion(Array.from({ length: count }, () => [1]));
  await withToyServer({ slots: 1, maxQueue: 2, onRun }, async ({ ask, engines }) => {
    const taken = ask("/v1/completions", many(2));
    await reached;
    assert.equal(engines[0].stats.queued, 1);
    assert.equal((await ask("/v1/completions", many(2))).status, 429);
    const whole = ask("/v1/completions", many(1));
    await until(() => engines[0].stats.queued === 2);
    const { status, json } = await ask("/v1/completions", many(4));
    assert.deepEqual([status, json.error.param], [400, "prompt"]);
    release();
    assert.deepEqual([(await taken).json.choices.length, (await whole).json.choices.length], [2, 1]);
  });
});

for (const stream of [true, false]) {
  Deno.test(`a client that goes away frees its slot (${stream ? "stream" : "whole answer"})`, async () => {
    const onRun = () => new Promise<void>((resolve) => setTimeout(resolve));
    await withToyServer({ slots: 1, context: 5000, onRun }, async ({ post, ask, engines, runners, url }) => {
      const leaving = new AbortController(), queued = new AbortController();
      const body = completion("a", { stream, max_tokens: 5000 });
      const answer = post("/v1/completions", body, { signal: leaving.signal }).then((r) => r.text());
      await until(() => engines[0].stats.running === 1);
      const behind = post("/v1/completions", completion(), { signal: queued.signal });
      await until(() => engines[0].stats.queued === 1);
      queued.abort();
      await assert.rejects(behind);
      await until(() => engines[0].stats.queued === 0);
      assert.equal(engines[0].stats.running, 1);
      leaving.abort();
      await assert.rejects(answer);
      await until(() => engines[0].stats.running === 0);
      assert.ok(runners[0].log.length < 5000, "the answer went on to its end");
      assert.equal((await ask("/v1/completions", completion())).status, 200);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.match(metrics, /request_success_total\{model_name="toy\/med",finished_reason="abort"\} 2\n/);
    });
  });
}

Deno.test("a draining server ends what it has and takes nothing new", async () => {
  const { onRun, reached, release } = gate(/decode/);
  await withToyServer({ onRun, slots: 1 }, async ({ post, http, url, engines }) => {
    const running = await post("/v1/completions", completion("a", { stream: true }));
    await reached;
    const waiting = post("/v1/completions", completion());
    await until(() => engines[0].stats.queued === 1);
    const drained = http.shutdown();
    await assert.rejects(fetch(`${url}/health`), TypeError);
    release();
    assert.equal((await readEvents(running)).at(-1), "[DONE]");
    assert.equal((await (await waiting).json()).choices[0].text, "aba");
    await drained;
  });
});

Deno.test("/v1/models lists the models, and tells of one", () =>
  withToyServer({ names: ["toy/med", "toy/cheap"] }, async ({ url }) => {
    const { object, data } = await (await fetch(`${url}/v1/models`)).json();
    assert.equal(object, "list");
    assert.deepEqual(data.map((m: { id: string }) => m.id), ["toy/med", "toy/cheap"]);
    assert.deepEqual(Object.keys(data[0]), [
      "id",
      "object",
      "created",
      "owned_by",
      "root",
      "parent",
      "max_model_len",
    ]);
    for (const path of ["toy/cheap", "toy%2Fcheap"]) {
      assert.deepEqual(await (await fetch(`${url}/v1/models/${path}`)).json(), data[1]);
    }
    const unknown = await fetch(`${url}/v1/models/none`);
    assert.equal(unknown.status, 404);
    await unknown.body?.cancel();
  }));

Deno.test("/tokenize and /detokenize have vLLM's form", () =>
  withToyServer({}, async ({ ask }) => {
    const tokens = [idOf("ab"), idOf(" "), idOf("é")];
    assert.deepEqual((await ask("/tokenize", { model: "toy/med", prompt: "ab é" })).json, {
      count: 3,
      max_model_len: 64,
      tokens,
      token_strs: null,
    });
    const messages = [{ role: "user", content: "ab é" }];
    const { json } = await ask("/tokenize", { messages, return_token_strs: true });
    assert.deepEqual([json.tokens, json.token_strs], [tokens, ["ab", " ", "é"]]);
    assert.deepEqual((await ask("/detokenize", { tokens })).json, { prompt: "ab é" });
    assert.equal((await ask("/tokenize", {})).status, 400);
    for (const unsupported of ["add_special_tokens", "continue_final_message"]) {
      assert.equal((await ask("/tokenize", { messages, [unsupported]: true })).json.error.param, unsupported);
    }
    const without = { messages, add_generation_prompt: false };
    assert.equal((await ask("/tokenize", without)).json.error.param, "add_generation_prompt");
    assert.equal((await ask("/detokenize", { tokens: [99] })).status, 400);
    assert.equal((await ask("/detokenize", { tokens: [1, "b"] })).json.error.param, "tokens.1");
  }));

Deno.test("HEAD answers as GET does, without a body", () =>
  withToyServer({}, async ({ url }) => {
    for (const path of ["/health", "/metrics", "/v1/models"]) {
      const response = await fetch(url + path, { method: "HEAD" });
      assert.equal(response.status, 200);
      assert.equal(await response.text(), "");
    }
  }));
