import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { tokenizerFilesOf } from "./gguf_tokenizer.ts";
import { CHAR_OF_BYTE } from "./token_decoder.ts";
import { loadTokenizer } from "./tokenizer.ts";

type Metadata = Record<string, unknown>;
interface Vocabulary {
  metadata: Metadata;
  cases: { text: string; ids: number[]; decoded: string }[];
}

const CONTROL = 3, USER_DEFINED = 4;

/** A byte-pair vocabulary: all bytes, the words, then added tokens. */
function bytePairs(pre: string, words: string[], added: Record<string, number> = {}): Metadata {
  const tokens = [...CHAR_OF_BYTE, ...words, ...Object.keys(added)];
  return {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": pre,
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": tokens.map((t) => added[t] ?? 1),
    "tokenizer.ggml.merges": words.flatMap((word) => [`${word.slice(0, -1)} ${word.at(-1)}`]),
    "tokenizer.ggml.bos_token_id": tokens.length - Object.keys(added).length,
  };
}

const encode = async (metadata: Metadata, text: string, addSpecialTokens = false) => {
  const files = tokenizerFilesOf(metadata)!;
  const ids = (await loadTokenizer(files)).encode(text, { addSpecialTokens });
  return ids.map((id) => (metadata["tokenizer.ggml.tokens"] as string[])[id]).join("|");
};

for (const name of ["llama", "gemma"]) {
  Deno.test(`tokenizerFilesOf() gives the ids and texts of SentencePiece (${name}'s settings)`, async () => {
    const made = await readJson<Record<string, Vocabulary>>(
      new URL("fixtures/sentencepiece.json", import.meta.url).pathname,
    );
    const { metadata, cases } = made[name];
    const tokenizer = await loadTokenizer(tokenizerFilesOf(metadata)!);
    for (const { text, ids, decoded } of cases) {
      assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
      assert.equal(tokenizer.decode(ids), decoded);
    }
  });
}

Deno.test("tokenizerFilesOf() splits words and numbers as each pre-tokenizer does", async () => {
  const words = ["12", "123", "1234", "'L", "'LL"];
  const text = "1234'LL";
  assert.equal(await encode(bytePairs("gpt-2", words), text), "1234|'|L|L");
  assert.equal(await encode(bytePairs("smollm", words), text), "1|2|3|4|'|L|L");
  assert.equal(await encode(bytePairs("qwen2", words), text), "1|2|3|4|'LL");
  assert.equal(await encode(bytePairs("llama-bpe", words), text), "123|4|'LL");
});

Deno.test("tokenizerFilesOf() composes characters for qwen2 alone", async () => {
  assert.equal(await encode(bytePairs("qwen2", []), "e\u0301"), "Ã|©");
  assert.equal(await encode(bytePairs("llama-bpe", []), "e\u0301"), "e|Ì|ģ");
});

Deno.test("tokenizerFilesOf() takes a whole word without its merges for llama-bpe alone", async () => {
  const withoutMerges = (pre: string) => ({ ...bytePairs(pre, ["abc"]), "tokenizer.ggml.merges": [] });
  assert.equal(await encode(withoutMerges("llama-bpe"), "abc"), "abc");
  assert.equal(await encode(withoutMerges("qwen2"), "abc"), "a|b|c");
});

Deno.test("tokenizerFilesOf() adds the BOS where the file says so, or llama.cpp does without its word", async () => {
  const added = { "<bos>": CONTROL, "<tool>": USER_DEFINED };
  assert.equal(await encode(bytePairs("qwen2", [], added), "a<tool><bos>", true), "a|<tool>|<bos>");
  assert.equal(await encode(bytePairs("llama-bpe", [], added), "a", true), "<bos>|a");
  const told = (value: boolean, pre: string) => ({
    ...bytePairs(pre, [], added),
    "tokenizer.ggml.add_bos_token": value,
  });
  assert.equal(await encode(told(true, "qwen2"), "a", true), "<bos>|a");
  assert.equal(await encode(told(false, "llama-bpe"), "a", true), "a");
});

Deno.test("tokenizerFilesOf() keeps user-defined tokens in the text and leaves control tokens out", async () => {
  const metadata = bytePairs("qwen2", [], { "<bos>": CONTROL, "<tool>": USER_DEFINED });
  const tokenizer = await loadTokenizer(tokenizerFilesOf(metadata)!);
  assert.equal(tokenizer.decode([256, 257]), "<tool>");
});

Deno.test("tokenizerFilesOf() carries the chat template and the names of special tokens over", () => {
  const { config } = tokenizerFilesOf({
    ...bytePairs("qwen2", [], { "<bos>": CONTROL }),
    "tokenizer.chat_template": "{{ bos_token }}",
  })!;
  assert.deepEqual(config, { bos_token: "<bos>", chat_template: "{{ bos_token }}" });
});

Deno.test("tokenizerFilesOf() drops white space after the control tokens of phi-3's SentencePiece", async () => {
  const { llama: { metadata } } = await readJson<Record<string, Vocabulary>>(
    new URL("fixtures/sentencepiece.json", import.meta.url).pathname,
  );
  const types = metadata["tokenizer.ggml.token_type"] as number[];
  const withEnd = {
    ...metadata,
    "tokenizer.ggml.tokens": [...metadata["tokenizer.ggml.tokens"] as string[], "<|end|>"],
    "tokenizer.ggml.scores": [...metadata["tokenizer.ggml.scores"] as number[], 0],
    "tokenizer.ggml.token_type": [...types, CONTROL],
  };
  assert.equal(
    await encode({ ...withEnd, "general.name": "Phi 3 mini" }, "<|end|>\n a"),
    "<|end|>|▁|<0x0A>|▁a",
  );
  assert.equal(await encode({ ...withEnd, "general.name": "Phi-3 mini" }, "<|end|>\n a"), "<|end|>|▁a");
});

Deno.test("tokenizerFilesOf() gives null where there is no tokenizer and refuses kinds that it does not know", () => {
  assert.equal(tokenizerFilesOf({}), null);
  assert.throws(
    () => tokenizerFilesOf({ ...bytePairs("qwen2", []), "tokenizer.ggml.model": "t5" }),
    BadInput,
  );
  assert.throws(
    () => tokenizerFilesOf(bytePairs("tekken", [])),
    (e: Error) => /qwen2.*tekken/.test(e.message),
  );
  const broken = { ...bytePairs("qwen2", []), "tokenizer.ggml.merges": ["ab"] };
  assert.throws(() => tokenizerFilesOf(broken), BadInput);
});
