/** Log-probabilities in both endpoints' forms, and the echo that lm-evaluation-harness scores by. */
import assert from "node:assert/strict";
import { idOf, PIECES, readEvents, withToyServer } from "./testing/toy_server.ts";

/** The toy's logits: 8 for the favourite, id / vocab for the others. */
function logprobOf(token: string, favourite: string): number {
  const logits = PIECES.map((piece, id) => piece === favourite ? 8 : Math.fround(id / PIECES.length));
  return logits[idOf(token)] - Math.log(logits.reduce((sum, l) => sum + Math.exp(l), 0));
}
const near = (actual: number | null, expected: number) =>
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);

Deno.test("a chat completion tells each token's log-probability and the likeliest ones'", () =>
  withToyServer({ says: ["a", "é"] }, async ({ ask, post }) => {
    const body = {
      messages: [{ role: "user", content: "b" }],
      max_tokens: 2,
      temperature: 0,
      logprobs: true,
      top_logprobs: 2,
    };
    const { json } = await ask("/v1/chat/completions", body);
    const { content } = json.choices[0].logprobs;
    assert.deepEqual(content.map((c: { token: string }) => c.token), ["a", "é"]);
    assert.deepEqual(content[1].bytes, [0xc3, 0xa9]);
    assert.deepEqual(content[1].top_logprobs.map((t: { token: string }) => t.token), ["é", "\n"]);
    near(content[0].logprob, logprobOf("a", "a"));
    near(content[0].top_logprobs[1].logprob, logprobOf("\n", "a"));

    const events = await readEvents(await post("/v1/chat/completions", { ...body, stream: true }));
    const streamed = events.slice(0, -1).flatMap((e) => JSON.parse(e).choices[0].logprobs?.content ?? []);
    assert.deepEqual(streamed, content);

    const { json: chosenOnly } = await ask("/v1/chat/completions", { ...body, top_logprobs: 0 });
    assert.deepEqual(chosenOnly.choices[0].logprobs.content[0].top_logprobs, []);
  }));

Deno.test("a completion tells them in the legacy form, whole and as a stream", () =>
  withToyServer({ says: ["ab", "é", " "] }, async ({ ask, post }) => {
    const body = { prompt: "b", max_tokens: 3, temperature: 0, logprobs: 1 };
    const { logprobs } = (await ask("/v1/completions", body)).json.choices[0];
    assert.deepEqual(logprobs.tokens, ["ab", "é", " "]);
    assert.deepEqual(logprobs.text_offset, [0, 2, 3]);
    near(logprobs.token_logprobs[1], logprobOf("é", "é"));
    assert.deepEqual(logprobs.top_logprobs[1], { "é": logprobs.token_logprobs[1] });

    const events = await readEvents(await post("/v1/completions", { ...body, stream: true }));
    const parts = events.slice(0, -1).map((e) => JSON.parse(e).choices[0].logprobs);
    for (const key of ["tokens", "token_logprobs", "top_logprobs", "text_offset"]) {
      assert.deepEqual(parts.flatMap((p) => p[key]), logprobs[key]);
    }
  }));

Deno.test("echo with logprobs scores the prompt, as lm-evaluation-harness asks for it", () =>
  withToyServer({ says: ["a", "b"] }, async ({ ask, runners }) => {
    const prompts = [["c", "b", "b"], ["c", "a"]];
    const { status, json } = await ask("/v1/completions", {
      model: "toy/med",
      prompt: prompts.map((pieces) => pieces.map(idOf)),
      temperature: 0,
      max_tokens: 1,
      logprobs: 1,
      seed: 1234,
      echo: true,
    });
    assert.equal(status, 200);
    const [first, second] = json.choices;
    assert.deepEqual([first.text, second.text], ["cbba", "cab"]);
    assert.deepEqual(first.logprobs.tokens, ["c", "b", "b", "a"]);
    assert.deepEqual(first.logprobs.text_offset, [0, 1, 2, 3]);
    assert.equal(first.logprobs.token_logprobs[0], null);
    assert.equal(first.logprobs.top_logprobs[0], null);
    near(first.logprobs.token_logprobs[1], logprobOf("b", "a"));
    near(first.logprobs.token_logprobs[2], logprobOf("b", "b"));
    // lm-evaluation-harness calls a token greedy where it has the largest of its top_logprobs.
    const isGreedy = [1, 2, 3].map((i) =>
      first.logprobs.token_logprobs[i] === Math.max(...Object.values<number>(first.logprobs.top_logprobs[i]))
    );
    assert.deepEqual(isGreedy, [false, true, true]);
    near(second.logprobs.token_logprobs[1], logprobOf("a", "a"));
    assert.deepEqual(json.usage, { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 });
    assert.equal(runners[0].log.filter((run) => run.startsWith("prefill")).length, 2, "one pass a prompt");
  }));

Deno.test("echo gives the prompt back as it was sent, alone with max_tokens 0", () =>
  withToyServer({ says: ["a"] }, async ({ ask }) => {
    const texts = async (body: Record<string, unknown>) => {
      const { json } = await ask("/v1/completions", { prompt: "b c", echo: true, temperature: 0, ...body });
      return [json.choices[0].text, json.choices[0].finish_reason, json.usage.completion_tokens];
    };
    assert.deepEqual(await texts({ max_tokens: 2 }), ["b caa", "length", 2]);
    assert.deepEqual(await texts({ max_tokens: 0 }), ["b c", "length", 0]);
    const { json } = await ask("/v1/completions", { prompt: [0, 2], echo: true, max_tokens: 0, logprobs: 0 });
    assert.equal(json.choices[0].text, "<end>b");
    assert.deepEqual(json.choices[0].logprobs.tokens, ["<end>", "b"]);
    assert.deepEqual(Object.keys(json.choices[0].logprobs.top_logprobs[1]), ["b"]);
  }));
