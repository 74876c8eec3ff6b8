import assert from "node:assert/strict";
import { AnswerStream, type Api } from "./answer_stream.ts";
import type { EndpointErrorKind } from "./errors.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const event = (chunk: unknown) => `data: ${typeof chunk === "string" ? chunk : JSON.stringify(chunk)}\n\n`;
const delta = (delta: unknown, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason }],
});
const usage = (completion_tokens: number, prompt_tokens = 7) => ({
  choices: [],
  usage: { prompt_tokens, completion_tokens },
});

/** Reads pieces, one each ms from 1 on. */
function read(pieces: Uint8Array[], api: Api = "chat") {
  let at = 0;
  const contents: [text: string, index: number, at: number][] = [];
  const stream = new AnswerStream({ api, now: () => at, onContent: (...c) => contents.push(c) });
  for (const piece of pieces) {
    at++;
    stream.push(piece);
  }
  return { stream, contents, answer: () => stream.end() };
}
const readEvents = (chunks: unknown[], api?: Api) => read(chunks.map((c) => encode(event(c))), api);

Deno.test("AnswerStream takes the first and the last content chunk for the first and the last token", () => {
  const { answer, contents } = readEvents([
    delta({ role: "assistant", content: "" }),
    delta({ content: "Hel" }),
    delta({ content: "lo" }),
    delta({}, "stop"),
    usage(3),
    "[DONE]",
  ]);
  assert.deepEqual(answer(), {
    text: "Hello",
    finishReason: "stop",
    promptTokens: 7,
    outputTokens: 3,
    contentTokens: 2,
    firstTokenAt: 2,
    lastTokenAt: 3,
    logprobs: [],
  });
  assert.deepEqual(contents, [["Hel", 0, 2], ["lo", 1, 3]]);
});

Deno.test("AnswerStream counts the tokens of a chunk that holds several as usage does", () => {
  const { outputTokens, contentTokens } = readEvents([
    delta({ content: "one two three" }),
    delta({ content: " four" }, "length"),
    usage(4),
    "[DONE]",
  ]).answer();
  assert.deepEqual([outputTokens, contentTokens], [4, 4]);
});

Deno.test("AnswerStream takes the end token off only where the count includes it", () => {
  const content = (reason: string, tokens: number | null) =>
    readEvents([
      delta({ content: "a" }),
      delta({ content: "b" }, reason),
      ...(tokens === null ? [] : [usage(tokens)]),
    ]).answer().contentTokens;
  assert.equal(content("stop", 3), 2);
  assert.equal(content("stop", 2), 2);
  assert.equal(content("length", 3), 3);
  assert.equal(content("stop", null), 2);
});

Deno.test("AnswerStream ignores what it does not know, nulls, comments and other events", () => {
  const { answer } = read([
    encode(": ping\n\nretry: 5\n\nevent: note\nid: 1\n"),
    encode(
      event({ ...delta({ content: "a", tool_calls: null, x: {} }), usage: null, error: null, timings: 1 }),
    ),
    encode(event({ choices: null }) + event({}) + event({ choices: [{ delta: null }] })),
    encode(
      event({ ...delta({}, "length"), prompt_filter_results: [] }) +
        event({ choices: null, usage: { completion_tokens: 1 } }),
    ),
    encode("data: [DONE]\n\n" + "data: not json\n\n"),
  ]);
  assert.deepEqual([answer().text, answer().promptTokens, answer().outputTokens], ["a", null, 1]);
});

Deno.test("AnswerStream times the reasoning before an answer, which is no part of it", () => {
  for (const key of ["reasoning_content", "reasoning"]) {
    const { answer } = readEvents([
      delta({ [key]: "hm" }),
      delta({ content: "4" }),
      delta({}, "stop"),
      usage(3),
    ]);
    assert.deepEqual([answer().text, answer().firstTokenAt, answer().lastTokenAt], ["4", 1, 2]);
  }
});

Deno.test("AnswerStream reads log-probabilities of both endpoints", () => {
  const chat = {
    choices: [{ delta: { content: "ab" }, logprobs: { content: [{ logprob: -1 }, { logprob: -2 }] } }],
  };
  assert.deepEqual(readEvents([chat, delta({}, "stop")]).answer().logprobs, [-1, -2]);
  const legacy = {
    choices: [{ text: "ab", logprobs: { token_logprobs: [null, -2] }, finish_reason: "stop" }],
  };
  assert.deepEqual(readEvents([legacy], "completions").answer().logprobs, [-2]);
});

Deno.test("AnswerStream says how an answer failed", () => {
  const failure = (chunks: unknown[]): EndpointErrorKind => {
    try {
      readEvents(chunks).answer();
    } catch (thrown) {
      return (thrown as { kind: EndpointErrorKind }).kind;
    }
    throw new Error("it did not fail");
  };
  assert.equal(failure([delta({ content: "a" })]), "cut_stream");
  assert.equal(failure([delta({ content: "a" }), "[DONE]"]), "cut_stream");
  assert.equal(failure([]), "cut_stream");
  assert.equal(failure(["[DONE]"]), "empty");
  assert.equal(failure([delta({ content: "" }, "stop"), usage(0), "[DONE]"]), "empty");
  assert.equal(failure([delta({}, "stop"), "[DONE]"]), "empty");
  assert.equal(failure([delta({ content: "a" }), '{"choices":[{"del']), "malformed");
  assert.equal(failure(["null"]), "malformed");
  assert.equal(failure([delta({ content: "a" }), { error: { message: "out of memory" } }]), "stream_error");
  assert.equal(failure([{ error: "out of memory", error_type: "overloaded" }]), "stream_error");
});

Deno.test("AnswerStream takes an answer of an end token for an answer", () => {
  const { answer } = readEvents([delta({ content: "" }), delta({}, "stop"), usage(1), "[DONE]"]);
  const { text, outputTokens, contentTokens, firstTokenAt, lastTokenAt } = answer();
  assert.deepEqual([text, outputTokens, contentTokens, firstTokenAt, lastTokenAt], ["", 1, 0, 2, 2]);
});

/** Streams of other servers, as they came over the wire, and what they say. */
const RECORDED: { file: string; api: Api; says: string; counts: number[]; finish: string }[] = [
  // The first chunk's content is null, the finish chunk's delta empty; usage comes with timings.
  {
    file: "llama_cpp_chat.sse",
    api: "chat",
    says: "I'm ready to help. What's your request?",
    counts: [37, 12, 11],
    finish: "stop",
  },
  {
    file: "llama_cpp_completions.sse",
    api: "completions",
    says: " Paris.\n\nThe",
    counts: [5, 5, 5],
    finish: "length",
  },
  // Usage comes on the finish chunk, and no [DONE].
  {
    file: "transformers_chat.sse",
    api: "chat",
    says: "Hello there, welcome to my",
    counts: [33, 6, 6],
    finish: "length",
  },
  {
    file: "transformers_completions.sse",
    api: "completions",
    says: "-by-date-",
    counts: [1, 5, 5],
    finish: "length",
  },
];

for (const { file, api, says, counts, finish } of RECORDED) {
  Deno.test(`AnswerStream reads the recorded stream ${file}, however it is cut`, async () => {
    const bytes = await Deno.readFile(new URL(`./fixtures/${file}`, import.meta.url));
    const told = (pieces: Uint8Array[]) => {
      const { text, finishReason, promptTokens, outputTokens, contentTokens } = read(pieces, api).answer();
      return { text, finishReason, counts: [promptTokens, outputTokens, contentTokens] };
    };
    const expected = { text: says, finishReason: finish, counts };
    assert.deepEqual(told([bytes]), expected);
    assert.deepEqual(told([...bytes].map((byte) => Uint8Array.of(byte))), expected);
  });
}
