import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { buildPrompt, toMessages } from "./mod.ts";
import { loadShareGpt, type ShareGptOptions } from "./sharegpt_loader.ts";

const words = (text: string) => text.split(/\s+/).length;

async function load(content: unknown, options: Partial<ShareGptOptions> = {}, name = "talk.json") {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, name);
    await Deno.writeTextFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return await loadShareGpt(path, { countTokens: words, ...options });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const talk = (...turns: [from: string, value: unknown][]) => ({
  id: "x",
  conversations: turns.map(([from, value]) => ({ from, value })),
});

Deno.test("loadShareGpt() makes the last reply the answer and all before it the turns", async () => {
  const { examples, total, skipped } = await load([
    talk(["human", "Name a bird"], ["gpt", "Wren"], ["human", "And a big one"], ["gpt", "A great bustard"]),
  ]);
  assert.equal(total, 1);
  assert.deepEqual(skipped, {});
  assert.deepEqual(examples, [{
    dataset: "sharegpt",
    prompt: "And a big one",
    answer: "A great bustard",
    subject: "conversation",
    difficulty: "medium",
    inputLength: 8,
    outputLength: 3,
    id: "sharegpt/all/0",
    turns: [
      { role: "user", content: "Name a bird" },
      { role: "assistant", content: "Wren" },
      { role: "user", content: "And a big one" },
    ],
  }]);
});

Deno.test("loadShareGpt() reads messages with roles, and one conversation a line from .jsonl", async () => {
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
  ];
  const { examples } = await load(`${JSON.stringify({ messages })}\n\n`, {}, "talk.jsonl");
  assert.deepEqual(examples[0].turns, messages.slice(0, 2));
  assert.deepEqual(toMessages(buildPrompt(examples[0], "sharegpt")), messages.slice(0, 2));
});

Deno.test("loadShareGpt() drops replies before the first question and questions after the last reply", async () => {
  const { examples } = await load([
    talk(["gpt", "... as I said"], ["human", "Why"], ["gpt", "Because"], ["human", "Oh"]),
  ]);
  assert.deepEqual(examples[0].turns, [{ role: "user", content: "Why" }]);
  assert.equal(examples[0].answer, "Because");
});

Deno.test("loadShareGpt() counts the conversations that it cannot use, by reason", async () => {
  const { examples, total, skipped } = await load([
    talk(),
    { id: "x", conversations: "none" },
    talk(["human", "a"], ["tool", "b"]),
    { id: "x", conversations: [null] },
    talk(["human", "a"], ["gpt", 7]),
    talk(["human", "a"], ["gpt", " \n"]),
    talk(["human", "a"], ["human", "b"], ["gpt", "c"]),
    talk(["human", "a"]),
    talk(["gpt", "a"]),
    talk(["human", "kept"], ["gpt", "answered"]),
  ]);
  assert.equal(total, 10);
  assert.deepEqual(examples.map((e) => e.id), ["sharegpt/all/9"]);
  assert.deepEqual(skipped, {
    no_turns: 2,
    unknown_role: 2,
    not_text: 1,
    empty_turn: 1,
    not_alternating: 1,
    no_reply: 2,
  });
});

Deno.test("loadShareGpt() stops at the limit, before what is malformed further on", async () => {
  const one = JSON.stringify(talk(["human", "a"], ["gpt", "b"]));
  const { examples, total } = await load(`[${one},${one},oops]`, { limit: 1 });
  assert.deepEqual([examples.length, total], [1, 1]);
});

Deno.test("loadShareGpt() refuses a file of another form", async () => {
  for (
    const [content, message] of [
      ["not json", /must be a JSON array/],
      [{ conversations: [] }, /must be a JSON array/],
      [[talk(["human", "a"], ["gpt", "b"]), { text: "x" }], /element 1 does not/],
      [[7], /element 0 does not/],
      [[null], /element 0 does not/],
      [[talk(["human", "a"])], /none of 1 does/],
      [[], /none of 0 does/],
    ] as const
  ) await assert.rejects(load(content), (e) => e instanceof BadInput && message.test(e.message));
});
