/** For tests: what everything that implements `InferenceTarget` must do, over a toy model with known answers. */
import assert from "node:assert/strict";
import type { Generation, InferenceTarget, PromptInput, TokenEvent } from "../inference.ts";

/** The pieces of the toy's vocabulary; the first is its end token. */
export const TOY_PIECES = ["<end>", "a", "b", "c", "ab", " ", "St", "op", "é", "\n"];

/** A toy that answers the piece `says[n - 1]` to n tokens, over and over. */
export interface ToySpec {
  says: string[];
  slots: number;
  context: number;
  /** Called within each run of the model. */
  onRun?: (run: string) => void | Promise<void>;
}

type WithTarget = (spec: ToySpec, run: (target: InferenceTarget) => Promise<void>) => Promise<void>;

/** Registers the suite. @param withTarget makes a target over the toy, and ends it */
export function testTargetConformance(name: string, withTarget: WithTarget): void {
  const test = (
    does: string,
    spec: Partial<ToySpec>,
    run: (target: InferenceTarget) => Promise<void>,
  ) =>
    Deno.test(`${name} ${does}`, () => withTarget({ says: ["a", "b"], slots: 2, context: 16, ...spec }, run));
  const ids = (text: string) => [...text].map((piece) => TOY_PIECES.indexOf(piece));

  test("answers messages, text and token ids alike, with stamps in order", {}, async (target) => {
    const prompts: PromptInput[] = [
      "a",
      { messages: [{ role: "user", content: "a" }] },
      { text: "a" },
      { ids: ids("a") },
    ];
    for (const prompt of prompts) {
      const from = performance.now();
      const answer = await target.generate(prompt, { maxTokens: 3 });
      assert.deepEqual(told(answer), {
        text: "aba",
        finishReason: "length",
        promptTokens: 1,
        outputTokens: 3,
        contentTokens: 3,
        truncatedTokens: 0,
      });
      const { enqueuedAt, admittedAt, firstTokenAt, lastTokenAt, doneAt } = answer;
      const stamps = [from, enqueuedAt, admittedAt ?? enqueuedAt, firstTokenAt!, lastTokenAt!, doneAt];
      assert.deepEqual(stamps, stamps.toSorted((a, b) => a - b));
      assert.ok(doneAt <= performance.now());
    }
  });

  test("counts the end token as output and not as content", { says: ["a", "é", "<end>"] }, async (target) => {
    assert.deepEqual(told(await target.generate({ text: "a" }, { maxTokens: 9 })), {
      text: "aé",
      finishReason: "stop",
      promptTokens: 1,
      outputTokens: 3,
      contentTokens: 2,
      truncatedTokens: 0,
    });
  });

  test("takes an answer that ends at once for an answer", { says: ["<end>"] }, async (target) => {
    const answer = await target.generate({ text: "a" }, { maxTokens: 9 });
    const { text, finishReason, outputTokens, contentTokens, firstTokenAt, lastTokenAt } = answer;
    assert.deepEqual([text, finishReason, outputTokens, contentTokens], ["", "stop", 1, 0]);
    assert.ok(firstTokenAt !== null && firstTokenAt === lastTokenAt);
  });

  test(
    "ends at a stop string, which is no part of the answer",
    { says: ["a", "St", "op", "b"] },
    async (target) => {
      const { text, finishReason } = await target.generate({ text: "a" }, { maxTokens: 9, stop: ["Stop"] });
      assert.deepEqual([text, finishReason], ["a", "stop"]);
    },
  );

  test("goes on behind the end token where it is told to", { says: ["a", "<end>"] }, async (target) => {
    const { outputTokens, finishReason } = await target.generate({ text: "a" }, {
      maxTokens: 5,
      ignoreEos: true,
    });
    assert.deepEqual([outputTokens, finishReason], [5, "length"]);
  });

  test("tells each token's arrival", {}, async (target) => {
    const events: TokenEvent[] = [];
    const { firstTokenAt, lastTokenAt } = await target.generate({ text: "a" }, {
      maxTokens: 5,
      onToken: (event) => events.push(event),
    });
    assert.equal(events.map((e) => e.text).join(""), "ababa");
    assert.deepEqual(events.map((e) => e.index), events.map((_, i) => i));
    const at = events.map((e) => e.at);
    assert.deepEqual([at[0], at.at(-1)], [firstTokenAt, lastTokenAt]);
    assert.deepEqual(at, at.toSorted((a, b) => a - b));
  });

  test("tells the log-probability of each token", {}, async (target) => {
    const { logprobs } = await target.generate({ text: "a" }, { maxTokens: 3, logprobs: 0 });
    assert.equal(logprobs?.length, 3);
    logprobs!.forEach(({ logprob }, i) => isClose(logprob, likeliest("aba"[i])));
  });

  test("answers more requests than it has slots", { slots: 1 }, async (target) => {
    const prompts = ["a", "aa", "c", "ca"];
    const answers = await Promise.all(prompts.map((text) => target.generate({ text }, { maxTokens: 2 })));
    assert.deepEqual(answers.map((a) => a.text), ["ab", "ba", "ab", "ba"]);
  });

  test(
    "resolves an aborted request with what there is, and has its slot free",
    { slots: 1, context: 4000 },
    async (target) => {
      const stop = new AbortController();
      const answer = await target.generate({ text: "a" }, {
        maxTokens: 4000,
        signal: stop.signal,
        onToken: ({ index }) => index === 2 && stop.abort(new Error("enough")),
      });
      assert.equal(answer.finishReason, "abort");
      assert.match(answer.text, /^(ab){1,1900}a?$/);
      assert.ok(answer.firstTokenAt !== null && answer.lastTokenAt !== null);
      assert.equal((await target.generate({ text: "a" }, { maxTokens: 1 })).text, "a");

      const never = await target.generate({ text: "a" }, { maxTokens: 9, signal: stop.signal });
      assert.deepEqual([never.finishReason, never.text, never.firstTokenAt], ["abort", "", null]);
    },
  );

  test("refuses a prompt that does not fit with a RangeError", {}, async (target) => {
    await assert.rejects(target.generate({ text: "a".repeat(17) }, { maxTokens: 1 }), RangeError);
    assert.equal((await target.generate({ text: "a" }, { maxTokens: 1 })).text, "a");
  });

  test("scores continuations", {}, async (target) => {
    const prompts: PromptInput[] = [{ text: "c" }, { ids: ids("c") }, {
      messages: [{ role: "user", content: "c" }],
    }];
    for (const prompt of prompts) {
      const [likely, unlikely, longer] = await target.score!(prompt, ["a", "b", "ac"]);
      isClose(likely.logprob, likeliest("a"));
      assert.deepEqual([likely.tokens, likely.isGreedy], [1, true]);
      assert.ok(unlikely.logprob < likely.logprob);
      assert.deepEqual([unlikely.tokens, unlikely.isGreedy], [1, false]);
      assert.deepEqual([longer.tokens, longer.isGreedy], [2, false]);
      assert.ok(longer.logprob < likely.logprob);
      const scored = await target.score!(prompt, [ids("a"), "b", ids("ac")]);
      for (const [i, score] of [likely, unlikely, longer].entries()) {
        isClose(scored[i].logprob, score.logprob);
        assert.deepEqual({ ...scored[i], logprob: 0 }, { ...score, logprob: 0 });
      }
    }
    assert.deepEqual(await target.score!({ text: "c" }, []), []);
    for (const empty of ["", []]) await assert.rejects(target.score!({ text: "c" }, [empty]), RangeError);
  });
}

/** The log-probability of the toy's favourite: its logit is 8, that of another piece its index over their number. */
function likeliest(favourite: string): number {
  const others = TOY_PIECES.map((piece, i) => piece === favourite ? 0 : Math.exp(i / TOY_PIECES.length));
  return 8 - Math.log(Math.exp(8) + others.reduce((sum, x) => sum + x));
}

function isClose(value: number, expected: number): void {
  assert.ok(Math.abs(value - expected) < 1e-4, `${value}, not ${expected}`);
}

function told(
  { text, finishReason, promptTokens, outputTokens, contentTokens, truncatedTokens }: Generation,
) {
  return { text, finishReason, promptTokens, outputTokens, contentTokens, truncatedTokens };
}
