/** For tests: a byte-level tokenizer of 265 tokens that can spell every text. */
import type { TokenizerFiles } from "../checkpoint.ts";
import { CHAR_OF_BYTE } from "../token_decoder.ts";

const MERGES = [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"], ["Ġ", "w"]];
const ADDED = [
  { content: "<|bos|>", special: true },
  { content: "<|start|>", special: true },
  { content: "<|end|>", special: true },
  { content: "<tool>", special: false },
];

/** Ids of its tokens by name; bytes are their own ids. */
export const TINY = {
  he: 256,
  ll: 257,
  hell: 258,
  hello: 259,
  w: 260,
  bos: 261,
  start: 262,
  end: 263,
  tool: 264,
};

export const TINY_TEMPLATE =
  "{{ bos_token }}{% for m in messages %}{{ '<|start|>' + m['role'] + '\n' + m['content'] + '<|end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}";

/** The files of it; with a template it is a chat model's. */
export function tinyTokenizerFiles(chatTemplate?: string): TokenizerFiles {
  const tokens = [...CHAR_OF_BYTE, ...MERGES.map((pair) => pair.join(""))];
  return {
    tokenizer: {
      version: "1.0",
      added_tokens: ADDED.map((t, i) => ({ ...t, id: tokens.length + i, normalized: false })),
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<|bos|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [],
        special_tokens: { "<|bos|>": { id: "<|bos|>", ids: [TINY.bos], tokens: ["<|bos|>"] } },
      },
      decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
      model: {
        type: "BPE",
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: MERGES,
      },
    },
    config: { bos_token: "<|bos|>", eos_token: "<|end|>", chat_template: chatTemplate },
  };
}
