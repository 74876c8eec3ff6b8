import assert from "node:assert/strict";
import { ClosedLoopLoadGenerator, errorOf } from "../load/mod.ts";
import { examples } from "../load/testing/target.ts";
import { MetricsCalculator } from "../metrics/mod.ts";
import { BadInput } from "../std/errors.ts";
import type { EndpointTimeouts } from "./channel.ts";
import { type EndpointOptions, EndpointTarget, readBaseUrl } from "./endpoint_target.ts";
import {
  type RawExchange,
  type RawServer,
  response,
  STREAM_HEAD,
  streamOf,
  transferChunk,
  withRawServer,
} from "./testing/raw_server.ts";

const JSON_TYPE = { "content-type": "application/json" };
const CONTENT = '{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}';
const END = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
const USAGE = '{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}';
const WHOLE = streamOf([CONTENT, END, USAGE, "[DONE]"]);
const event = (data: string) => transferChunk(`data: ${data}\n\n`);

function withTarget(
  answer: (exchange: RawExchange) => void | Promise<void>,
  run: (target: EndpointTarget, server: RawServer) => Promise<void>,
  options: Partial<EndpointOptions> = {},
): Promise<void> {
  return withRawServer(answer, async (server) => {
    await using target = new EndpointTarget({ baseUrl: server.baseUrl, model: "m", ...options });
    await run(target, server);
  });
}

/** What goes wrong with a server that answers like this. */
const FAILURES: Record<string, {
  kind: string;
  answer: (exchange: RawExchange) => void | Promise<void>;
  timeouts?: EndpointTimeouts;
}> = {
  "429": { kind: "http_429", answer: ({ write }) => write(response(429, "", { "retry-after": "0" })) },
  "500": {
    kind: "http_500",
    answer: ({ write }) => write(response(500, '{"error":{"message":"oops"}}', JSON_TYPE)),
  },
  "503": { kind: "http_503", answer: ({ write }) => write(response(503, "<html>busy</html>")) },
  "401": { kind: "http_401", answer: ({ write }) => write(response(401, '{"detail":"no key"}', JSON_TYPE)) },
  "404": { kind: "http_404", answer: ({ write }) => write(response(404, "", {})) },
  "400": {
    kind: "http_400",
    answer: ({ write }) => write(response(400, '{"error":{"message":"bad field"}}', JSON_TYPE)),
  },
  "a prompt too long for llama.cpp": {
    kind: "overlong",
    answer: ({ write }) =>
      write(response(
        400,
        '{"error":{"code":400,"message":"request (5031 tokens) exceeds the available context size (2048 tokens), ' +
          'try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5031,"n_ctx":2048}}',
        JSON_TYPE,
      )),
  },
  "a prompt too long for vLLM": {
    kind: "overlong",
    answer: ({ write }) =>
      write(response(
        400,
        `{"error":{"message":"This model's maximum context length is 2048 tokens. However, you requested 16 output ` +
          'tokens and your prompt contains 5031 input tokens.","type":"BadRequestError","param":null,"code":400}}',
        JSON_TYPE,
      )),
  },
  "a closed connection": { kind: "disconnected", answer: ({ close }) => close() },
  "a stream cut in the middle": {
    kind: "cut_stream",
    answer: ({ write, close }) => write(STREAM_HEAD + event(CONTENT)).then(close),
  },
  "a stream without its end": {
    kind: "cut_stream",
    answer: ({ write }) => write(streamOf([CONTENT])),
  },
  "malformed JSON": { kind: "malformed", answer: ({ write }) => write(streamOf([CONTENT, '{"choices":[{'])) },
  "no HTTP": { kind: "malformed", answer: ({ write }) => write("220 mail.example ESMTP\r\n\r\n") },
  "no stream": { kind: "malformed", answer: ({ write }) => write(response(200, "{}", JSON_TYPE)) },
  "an error that is no stream": {
    kind: "stream_error",
    answer: ({ write }) => write(response(200, '{"error":"no room"}', JSON_TYPE)),
  },
  "an empty answer": { kind: "empty", answer: ({ write }) => write(streamOf(["[DONE]"])) },
  "an error in the stream": {
    kind: "stream_error",
    answer: ({ write }) => write(streamOf([CONTENT, '{"error":{"message":"lost"}}', "[DONE]"])),
  },
  "no first token": {
    kind: "first_token_timeout",
    answer: ({ write }) => write(STREAM_HEAD + event('{"choices":[{"delta":{"role":"assistant"}}]}')),
    timeouts: { firstTokenMs: 5 },
  },
  "no next token": {
    kind: "idle_timeout",
    answer: ({ write }) => write(STREAM_HEAD + event(CONTENT)),
    timeouts: { idleMs: 5 },
  },
  "no end in time": {
    kind: "timeout",
    answer: ({ write }) => write(STREAM_HEAD + event(CONTENT)),
    timeouts: { totalMs: 5 },
  },
};

for (const [name, { kind, answer, timeouts }] of Object.entries(FAILURES)) {
  Deno.test(`EndpointTarget records ${name} as ${kind}, and loses no slot`, () => {
    const isWhole = ({ headers }: RawExchange) => /[135]$/.test(headers.get("x-request-id")!);
    return withTarget(
      (exchange) => isWhole(exchange) ? exchange.write(WHOLE) : answer(exchange),
      async (target) => {
        const load = new ClosedLoopLoadGenerator({
          infer: ({ prompt }, context) => target.generate(prompt, { maxTokens: 4, ...context }),
          data: examples(3),
          maxConcurrency: 1,
          numRequests: 6,
          onProgress: () => {},
        });
        const records = await load.run();
        assert.deepEqual(records.map((r) => r.error?.kind ?? null), [kind, null, kind, null, kind, null]);
        for (const { error } of records) assert.ok(error === null || !error.message.includes("\n"));
        assert.deepEqual(records[1].contentTokens, 1);
        const { summary } = new MetricsCalculator(records).computeAllMetrics();
        assert.deepEqual(summary.errors, { [kind]: 3 });
      },
      { timeouts },
    );
  });
}

Deno.test("EndpointTarget records a refused connection, and one that does not come about", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const failure = async (options: Partial<EndpointOptions>) => {
    await using target = new EndpointTarget({ baseUrl, model: "m", ...options });
    return errorOf(await target.generate("a", { maxTokens: 1 }).then(() => null, (thrown) => thrown)).kind;
  };
  assert.equal(await failure({}), "refused");
  const connect = () => new Promise<never>(() => {});
  assert.equal(await failure({ connect, timeouts: { connectMs: 1 } }), "connect_timeout");
});

Deno.test("EndpointTarget sends a request again after a 429 where it is told to, and not more often", async () => {
  let refusals = 2;
  await withTarget(
    ({ write }) => write(refusals-- > 0 ? response(429, "", { "retry-after": "0" }) : WHOLE),
    async (target, server) => {
      assert.equal((await target.generate("a", { maxTokens: 4 })).text, "a");
      assert.equal(server.requests.length, 3);
      refusals = 3;
      await assert.rejects(target.generate("a", { maxTokens: 4 }), { kind: "http_429" });
      assert.equal(server.requests.length, 6);
    },
    { retry429: 2 },
  );
});

Deno.test("EndpointTarget is aborted while it waits to send again", () =>
  withTarget(({ write }) => write(response(429, "", { "retry-after": "3600" })), async (target, server) => {
    const stop = new AbortController();
    const pending = target.generate("a", { maxTokens: 4, signal: stop.signal });
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    assert.equal((await pending).finishReason, "abort");
  }, { retry429: 1 }));

Deno.test("EndpointTarget closes the connection of an aborted request", async () => {
  const gone = Promise.withResolvers<void>();
  await withTarget(async ({ write, closed }) => {
    await write(STREAM_HEAD + event(CONTENT));
    await closed;
    gone.resolve();
  }, async (target) => {
    const stop = new AbortController();
    const { text, finishReason, contentTokens } = await target.generate("a", {
      maxTokens: 4,
      signal: stop.signal,
      onToken: () => stop.abort(),
    });
    assert.deepEqual([text, finishReason, contentTokens], ["a", "abort", 1]);
    await gone.promise;
  });
});

Deno.test("EndpointTarget is done at [DONE], whatever comes behind it", () =>
  withTarget(
    ({ write, connection }) =>
      write(
        STREAM_HEAD + [CONTENT, END, USAGE, "[DONE]"].map(event).join("") + (connection ? "garbage" : ""),
      ),
    async (target) => {
      for (let i = 0; i < 2; i++) {
        const { text, promptTokens, outputTokens } = await target.generate("a", { maxTokens: 4 });
        assert.deepEqual([text, promptTokens, outputTokens], ["a", 5, 2]);
      }
    },
  ));

Deno.test("EndpointTarget sends what is asked for and nothing else", () =>
  withTarget(({ write }) => write(WHOLE), async (target, { requests }) => {
    const bodies = () => requests.map((r) => JSON.parse(r.body));
    await target.generate("é", { maxTokens: 4, requestId: "c1 é-0" });
    await target.generate({ ids: [1, 2] }, {
      maxTokens: 4,
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      seed: 7,
      stop: ["x"],
      stopTokens: [2],
      ignoreEos: true,
      minTokens: 1,
      logprobs: 0,
    }).catch(() => {}); // the answer is one of chat
    const common = { model: "m", max_tokens: 4, stream: true, stream_options: { include_usage: true } };
    assert.deepEqual(bodies(), [
      { ...common, messages: [{ role: "user", content: "é" }], temperature: 0 },
      {
        ...common,
        prompt: [1, 2],
        temperature: 0.5,
        top_p: 0.9,
        top_k: 3,
        seed: 7,
        stop: ["x"],
        stop_token_ids: [2],
        ignore_eos: true,
        min_tokens: 1,
        logprobs: 0,
      },
    ]);
    assert.deepEqual(requests.map((r) => r.line), ["POST /v1/chat/completions", "POST /v1/completions"]);
    assert.equal(requests[0].headers.get("authorization"), "Bearer k");
    assert.equal(requests[0].headers.get("x-request-id"), "c1__-0");
    await assert.rejects(target.generate("a", { maxTokens: 1, logprobs: 2 }), TypeError);
  }, { apiKey: "k" }));

Deno.test("EndpointTarget.connect() takes the one model that is served, and no other", async () => {
  const asked = (list: string, options: Partial<EndpointOptions> = {}) => {
    let name = "";
    return withRawServer(({ write }) => write(response(200, list, JSON_TYPE)), async ({ baseUrl }) => {
      await using target = await EndpointTarget.connect({ baseUrl, ...options });
      name = target.model;
    }).then(() => name);
  };
  assert.equal(await asked('{"data":[{"id":"m/8bit","max_model_len":2048,"x":1}]}'), "m/8bit");
  assert.equal(await asked("not asked for", { model: "n" }), "n");
  for (
    const [list, says] of [['{"data":[{"id":"a"},{"id":"b"}]}', /it serves a, b/], [
      '{"data":[]}',
      /serves none/,
    ], ["[]", /serves none/]] as const
  ) {
    await assert.rejects(asked(list), (e) => e instanceof BadInput && says.test(e.message));
  }
  await assert.rejects(asked("<html>"), { kind: "malformed" });
});

Deno.test("readBaseUrl() takes addresses with and without a path", () => {
  assert.equal(readBaseUrl("http://h:1").href, "http://h:1/v1");
  assert.equal(readBaseUrl("https://h/api/v1/").href, "https://h/api/v1");
  for (const bad of ["", "h:1", "ftp://h", "http://u:p@h", "http://h/v1?x", "http://"]) {
    assert.throws(() => readBaseUrl(bad), BadInput);
  }
});

Deno.test("EndpointTarget says that a server ignores echo", () =>
  withTarget(({ write, line }) =>
    write(
      line.endsWith("/tokenize")
        ? response(200, '{"tokens":[]}', JSON_TYPE) // as llama.cpp
        : response(
          200,
          `{"choices":[${
            [0, 1].map((i) => `{"text":".","index":${i},"logprobs":{"content":[{"id":30,"logprob":-0.4}]}}`)
          }]}`,
          JSON_TYPE,
        ),
    ), async (target) => {
    assert.match((await target.whyNotScore())!, /must echo the prompt's log-probabilities: it ignores echo/);
    await assert.rejects(target.score({ messages: [{ role: "user", content: "a" }] }, ["b", "c"]), {
      kind: "unsupported",
    });
  }));

Deno.test("EndpointTarget scores text where the server does not tokenize, a token across the seam included", () => {
  const echo = (
    index: number,
    tokens: string[],
    logprobs: (number | null)[],
    top: (Record<string, number> | null)[],
  ) => {
    const offsets = tokens.map((_, i) => [...tokens.slice(0, i).join("")].length);
    return {
      index,
      text: tokens.join(""),
      logprobs: { tokens, token_logprobs: logprobs, top_logprobs: top, text_offset: offsets },
    };
  };
  const choices = [
    echo(1, ["😀 is", " b", "."], [null, -3, -1], [null, { " a": -1 }, null]),
    echo(0, ["😀", " is a", "."], [null, -2, -1], [null, { " is a": -2 }, null]),
  ];
  return withTarget(
    ({ write, line }) =>
      write(
        line.endsWith("/tokenize")
          ? response(404, "")
          : response(200, JSON.stringify({ choices }), JSON_TYPE),
      ),
    async (target, { requests }) => {
      assert.deepEqual(await target.score({ text: "😀 is" }, [" a", " b"]), [
        { logprob: -2, tokens: 1, isGreedy: true },
        { logprob: -3, tokens: 1, isGreedy: false },
      ]);
      const { prompt, echo, logprobs, max_tokens } = JSON.parse(requests.at(-1)!.body);
      assert.deepEqual([prompt, echo, logprobs, max_tokens], [["😀 is a", "😀 is b"], true, 1, 1]);
    },
  );
});

Deno.test("EndpointTarget sends token ids as they are, and says where a server takes none", () => {
  const echo = (index: number, logprob: number) => ({
    index,
    text: "abc",
    logprobs: {
      tokens: ["a", "b", "c"],
      token_logprobs: [null, logprob, -1],
      top_logprobs: [null, { x: -2 }, null],
      text_offset: [0, 1, 2],
    },
  });
  const answer = JSON.stringify({ choices: [echo(0, -2), echo(1, -3)] });
  return withTarget(
    ({ write, line, body }) =>
      write(
        line.endsWith("/tokenize")
          ? response(404, "")
          : JSON.parse(body).prompt[0][0] === 9
          ? response(422, '{"detail":"prompt must be text"}', JSON_TYPE)
          : response(200, answer, JSON_TYPE),
      ),
    async (target, { requests }) => {
      assert.deepEqual(await target.score({ ids: [7] }, [[8], [5]]), [
        { logprob: -2, tokens: 1, isGreedy: true },
        { logprob: -3, tokens: 1, isGreedy: false },
      ]);
      assert.deepEqual(requests.map((r) => r.line), ["POST /v1/completions"]); // nothing was left to tokenize
      assert.deepEqual(JSON.parse(requests[0].body).prompt, [[7, 8], [7, 5]]);
      for (const [prompt, continuation] of [[{ ids: [7] }, "a"], [{ text: "a" }, [8]]] as const) {
        await assert.rejects(target.score(prompt, [continuation]), {
          kind: "unsupported",
          message: /the server must tokenize where not all is text \(\/tokenize\): it does not$/,
        });
      }
      await assert.rejects(target.score({ ids: [9] }, [[8]]), {
        kind: "http_422",
        message: /it answered 422: prompt must be text$/,
      });
    },
  );
});
