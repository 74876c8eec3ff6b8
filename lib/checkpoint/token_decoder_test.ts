import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { CHAR_OF_BYTE, createTokenDecoder } from "./token_decoder.ts";

const bytes = (text: string) => [...new TextEncoder().encode(text)];
const table = (tokens: string[], added: number[] = [], special: number[] = []) => ({
  tokens,
  added: new Set(added),
  special: new Set(special),
});

/** Text by text, with what flush() gives last. */
function pieces(stream: { push(id: number): string; flush(): string }, ids: number[]): string[] {
  return [...ids.map((id) => stream.push(id)), stream.flush()];
}

Deno.test("createTokenDecoder() holds a character back until its last byte is there", () => {
  const create = createTokenDecoder({ type: "ByteLevel" }, table([...CHAR_OF_BYTE]));
  assert.deepEqual(pieces(create(true), bytes("aé🙂b")), ["a", "", "é", "", "", "", "🙂", "b", ""]);
  assert.deepEqual(pieces(create(true), bytes("\ufeffa")), ["", "", "\ufeff", "a", ""]);
});

Deno.test("createTokenDecoder() gives a cut-off character as U+FFFD, at the end and before an added token", () => {
  const create = createTokenDecoder({ type: "ByteLevel" }, table([...CHAR_OF_BYTE, "<tool>"], [256]));
  assert.deepEqual(pieces(create(true), [0xf0, 0x9f]), ["", "", "\ufffd"]);
  assert.deepEqual(pieces(create(true), [0xc3, 256, 0xa9]), ["", "\ufffd<tool>", "\ufffd", ""]);
});

Deno.test("createTokenDecoder() joins the bytes on both sides of a special token that it skips", () => {
  const create = createTokenDecoder({ type: "ByteLevel" }, table([...CHAR_OF_BYTE, "<s>"], [256], [256]));
  assert.deepEqual(pieces(create(true), [0xc3, 256, 0xa9]), ["", "", "é", ""]);
  assert.deepEqual(pieces(create(false), [0xc3, 256, 0xa9]), ["", "\ufffd<s>", "\ufffd", ""]);
});

Deno.test("createTokenDecoder() gives no text for ids that are no token", () => {
  const create = createTokenDecoder({ type: "ByteLevel" }, table(["a"]));
  assert.deepEqual(pieces(create(true), [0, 7]), ["a", "", ""]);
});

Deno.test("createTokenDecoder() follows SentencePiece's steps: marks, bytes, the first space", () => {
  const decoder = {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  };
  const create = createTokenDecoder(decoder, table(["▁a", "b▁", "<0xC3>", "<0xA9>", "▁", "<0xZZ>"]));
  assert.deepEqual(pieces(create(true), [0, 1, 2, 3, 0]), ["a", "b ", "", "é", " a", ""]);
  assert.deepEqual(pieces(create(true), [4, 4, 0]), ["", " ", " a", ""]);
  assert.deepEqual(pieces(create(true), [2, 0, 5]), ["", "\ufffd a", "<0xZZ>", ""]);
  const stream = create(true);
  assert.deepEqual([pieces(stream, [0]), pieces(stream, [0])], [["a", ""], ["a", ""]]);
});

Deno.test("createTokenDecoder() refuses steps that are not a language model's", () => {
  assert.throws(() => createTokenDecoder({ type: "WordPiece" }, table([])), BadInput);
});
