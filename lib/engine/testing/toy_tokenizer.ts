/** A tokenizer over a list of pieces for tests: the id of a piece is its index, the longest piece is taken. */
import type { Tokenizer } from "../../checkpoint/tokenizer.ts";

export function createToyTokenizer(pieces: readonly string[]): Tokenizer {
  const encode = (text: string) => {
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      const piece = pieces.filter((p) =>
        p !== "" && text.startsWith(p, at)
      ).sort((a, b) => b.length - a.length)[0];
      if (piece === undefined) throw new Error(`no piece at ${text.slice(at)}`);
      ids.push(pieces.indexOf(piece));
      at += piece.length;
    }
    return ids;
  };
  const renderChat: Tokenizer["renderChat"] = (messages) => messages.map((m) => m.content).join("");
  return {
    vocabSize: pieces.length,
    hasChatTemplate: false,
    encode,
    decode: (ids) => ids.map((id) => pieces[id]).join(""),
    renderChat,
    promptIds(prompt) {
      if (typeof prompt === "string") return encode(prompt);
      if ("ids" in prompt) return [...prompt.ids];
      return encode("text" in prompt ? prompt.text : renderChat(prompt.messages));
    },
    streamDecoder: () => ({ push: (id) => pieces[id], flush: () => "" }),
  };
}
