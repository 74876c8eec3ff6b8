import assert from "node:assert/strict";
import { createToyTokenizer } from "../engine/testing/toy_tokenizer.ts";
import { TokenTexts } from "./token_texts.ts";

const PIECES = ["<end>", "a", " b", "é", "\uFFFD", "a"];

/** A tokenizer that drops a text's leading space, as SentencePiece does, and hides special tokens unless told. */
function createTexts(): TokenTexts {
  const inner = createToyTokenizer(PIECES);
  return new TokenTexts({
    ...inner,
    decode: (ids, { skipSpecialTokens = true } = {}) =>
      inner.decode(ids.filter((id) => id !== 0 || !skipSpecialTokens)).replace(/^ /, ""),
  });
}

Deno.test("TokenTexts gives each token's text with its leading space, special ones too", () => {
  const texts = createTexts();
  assert.deepEqual(PIECES.map((_, id) => texts.of(id)), PIECES);
  assert.equal(texts.join([2, 0, 2]), "b<end> b");
});

Deno.test("TokenTexts.chat() has OpenAI's form; a token that is no whole character has no bytes", () => {
  const texts = createTexts();
  const scored = { logprob: -0.5, top: [[3, -0.25], [4, -Infinity]] as [number, number][] };
  assert.deepEqual(texts.chat([{ tokenId: 1, scored }]), {
    content: [{
      token: "a",
      logprob: -0.5,
      bytes: [97],
      top_logprobs: [
        { token: "é", logprob: -0.25, bytes: [0xc3, 0xa9] },
        { token: "\uFFFD", logprob: -9999, bytes: null },
      ],
    }],
    refusal: null,
  });
});

Deno.test("TokenTexts.legacy() adds the chosen token to the likeliest, keeps the best of equal texts, counts offsets", () => {
  const texts = createTexts();
  const legacy = texts.legacy([
    { tokenId: 2, scored: null },
    { tokenId: 3, scored: { logprob: -2, top: [[1, -0.5], [5, -1]] } },
    { tokenId: 5, scored: { logprob: -1, top: [[1, -0.5]] } },
  ], 7);
  assert.deepEqual(legacy, {
    tokens: [" b", "é", "a"],
    token_logprobs: [null, -2, -1],
    top_logprobs: [null, { a: -0.5, é: -2 }, { a: -0.5 }],
    text_offset: [7, 9, 10],
  });
});
