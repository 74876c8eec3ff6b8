import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { createRandom } from "../math/mod.ts";
import { TINY, TINY_TEMPLATE, tinyTokenizerFiles } from "./testing/tiny_tokenizer.ts";
import { loadTokenizer } from "./tokenizer.ts";

const bytes = (text: string) => [...new TextEncoder().encode(text)];

Deno.test("encode() merges pairs, takes added tokens whole and adds the BOS unless told not to", async () => {
  const tokenizer = await loadTokenizer(tinyTokenizerFiles());
  assert.deepEqual(tokenizer.encode("hello world"), [TINY.bos, TINY.hello, TINY.w, ...bytes("orld")]);
  assert.deepEqual(tokenizer.encode("he<|end|>é<tool>", { addSpecialTokens: false }), [
    TINY.he,
    TINY.end,
    ...bytes("é"),
    TINY.tool,
  ]);
  assert.deepEqual(tokenizer.encode(""), [TINY.bos]);
  assert.equal(tokenizer.vocabSize, 265);
});

Deno.test("decode() and a stream give what the package makes of the whole list, for any ids", async () => {
  const { PreTrainedTokenizer } = await import("@huggingface/transformers");
  const { tokenizer: json, config } = tinyTokenizerFiles();
  const tokenizer = await loadTokenizer({ tokenizer: json, config });
  const reference = new PreTrainedTokenizer(json, config);
  const random = createRandom(1);
  for (let round = 0; round < 400; round++) {
    const skipSpecialTokens = round % 2 === 0;
    const ids = Array.from({ length: 20 }, () => random.int(TINY.tool + 1));
    const expected = reference.decode(ids, {
      skip_special_tokens: skipSpecialTokens,
      clean_up_tokenization_spaces: false,
    });
    const stream = tokenizer.streamDecoder({ skipSpecialTokens });
    assert.equal(ids.map((id) => stream.push(id)).join("") + stream.flush(), expected);
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens }), expected);
  }
});

Deno.test("decode() gives back what was encoded, without special tokens unless asked for them", async () => {
  const tokenizer = await loadTokenizer(tinyTokenizerFiles());
  const text = "hello wörld, 東京 🙂👩‍🚀 <tool>";
  assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  const ids = [TINY.start, TINY.he, TINY.end];
  assert.equal(tokenizer.decode(ids), "he");
  assert.equal(tokenizer.decode(ids, { skipSpecialTokens: false }), "<|start|>he<|end|>");
});

Deno.test("promptIds() applies the chat template without a second BOS", async () => {
  const tokenizer = await loadTokenizer(tinyTokenizerFiles(TINY_TEMPLATE));
  const messages = [{ role: "user" as const, content: "hello" }];
  const rendered = "<|bos|><|start|>user\nhello<|end|>\n<|start|>assistant\n";
  assert.equal(tokenizer.hasChatTemplate, true);
  assert.equal(tokenizer.renderChat(messages), rendered);
  assert.deepEqual(tokenizer.promptIds({ messages }), [
    TINY.bos,
    TINY.start,
    ...bytes("user\n"),
    TINY.hello,
    TINY.end,
    ...bytes("\n"),
    TINY.start,
    ...bytes("assistant\n"),
  ]);
  assert.deepEqual(tokenizer.promptIds("he"), [TINY.bos, TINY.he]);
  assert.deepEqual(tokenizer.promptIds({ text: "he" }), [TINY.bos, TINY.he]);
  assert.deepEqual(tokenizer.promptIds({ ids: [3, 1] }), [3, 1]);
});

Deno.test("promptIds() puts a base model's messages as plain text", async () => {
  const tokenizer = await loadTokenizer(tinyTokenizerFiles());
  const messages = [{ role: "system" as const, content: "he" }, { role: "user" as const, content: "ll" }];
  assert.equal(tokenizer.hasChatTemplate, false);
  assert.equal(tokenizer.renderChat(messages), "he\n\nll");
  assert.deepEqual(tokenizer.promptIds({ messages }), [TINY.bos, TINY.he, ...bytes("\n\n"), TINY.ll]);
});

Deno.test("renderChat() names the roles and the template's own words where it refuses them", async () => {
  const template =
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}";
  const tokenizer = await loadTokenizer(tinyTokenizerFiles(template));
  assert.throws(
    () => tokenizer.renderChat([{ role: "system", content: "" }, { role: "user", content: "" }]),
    (e: Error) => e instanceof BadInput && /system, user.*System role not supported/.test(e.message),
  );
});

Deno.test("loadTokenizer() splits digits of every script where the file says single digits", async () => {
  const files = tinyTokenizerFiles();
  const model = files.tokenizer.model as { merges: string[][]; vocab: Record<string, number> };
  model.merges = [["1", "1"], ["Ù", "£"], ["Ù£", "Ù£"]];
  Object.assign(model.vocab, { "11": 256, "Ù£": 257, "Ù£Ù£": 258 });
  const encode = async () => (await loadTokenizer(files)).encode("11٣٣", { addSpecialTokens: false });
  assert.deepEqual(await encode(), [256, 258]);
  files.tokenizer.pre_tokenizer = {
    type: "Sequence",
    pretokenizers: [{ type: "Digits", individual_digits: true }, files.tokenizer.pre_tokenizer],
  };
  assert.deepEqual(await encode(), [...bytes("11"), 257, 257]);
});

Deno.test("loadTokenizer() refuses a tokenizer.json without a model", async () => {
  await assert.rejects(loadTokenizer({ tokenizer: { model: {} }, config: {} }), BadInput);
});
