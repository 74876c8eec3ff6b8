/**
 * The tokenizer in a GGUF file's metadata, as the hub's `tokenizer.json` and `tokenizer_config.json` would
 * have it, so that both formats give the same ids.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md for the keys, and llama.cpp's
 * `llama-vocab.cpp` for what is meant where one is absent.
 */
import { BadInput } from "../std/errors.ts";
import type { TokenizerFiles } from "./checkpoint.ts";
import { GPT2_PATTERN, splitBy } from "./pre_tokenizer.ts";

interface Token {
  id: number;
  text: string;
}

/** Values of `tokenizer.ggml.token_type`. */
const NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, BYTE = 6;

/** Llama 3's split, with how many digits stay together. */
const llama3Pattern = (digits: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|` + digits +
  String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

interface PreTokenizer {
  /** Values of `tokenizer.ggml.pre`. */
  names: readonly string[];
  /** Applied one after the other. */
  patterns: string[];
  normalizer?: { type: "NFC" };
  /** A word that is a token is not split further, whatever the merges say. */
  ignoreMerges?: boolean;
  addsBos?: boolean;
}

const PRE_TOKENIZERS: PreTokenizer[] = [
  { names: ["gpt-2", "default", "phi-2"], patterns: [GPT2_PATTERN] },
  {
    names: ["llama-bpe", "llama3", "llama-v3"],
    patterns: [llama3Pattern(String.raw`\p{N}{1,3}`)],
    ignoreMerges: true,
    addsBos: true,
  },
  { names: ["qwen2"], patterns: [llama3Pattern(String.raw`\p{N}`)], normalizer: { type: "NFC" } },
  { names: ["smollm", "starcoder"], patterns: [String.raw`\p{N}`, GPT2_PATTERN] },
];

/**
 * Builds the tokenizer's files from GGUF metadata.
 * @param metadata keys as in the file, arrays as arrays
 * @returns null where the file holds no tokenizer
 * @throws {BadInput} where it holds one of a kind that is not known.
 */
export function tokenizerFilesOf(metadata: Readonly<Record<string, unknown>>): TokenizerFiles | null {
  const get = <T>(key: string) => metadata[`tokenizer.ggml.${key}`] as T | undefined;
  const kind = get<string>("model");
  const tokens = get<string[]>("tokens");
  if (kind === undefined || kind === "none" || kind === "no_vocab" || !tokens) return null;
  if (kind !== "gpt2" && kind !== "llama") {
    throw new BadInput(
      `Cannot read the file's tokenizer as it must be gpt2 (byte pairs) or llama (SentencePiece): it is ${kind}`,
    );
  }
  const types = get<number[]>("token_type") ?? [];
  const tokenOf = (name: string): Token | undefined => {
    const id = get<number>(`${name}_token_id`);
    return id === undefined || tokens[id] === undefined ? undefined : { id, text: tokens[id] };
  };
  // Phi-3 drops the white space after its control tokens; its GGUF files do not say so.
  const stripsAfterControl = kind === "llama" && /phi-?3/i.test(String(metadata["general.name"]));
  const keepsSpace = ["<unk>", "<s>", "<|endoftext|>"];
  const addedTokens = tokens.flatMap((content, id) => {
    const isSpecial = types[id] === CONTROL || types[id] === UNKNOWN;
    if (!isSpecial && types[id] !== USER_DEFINED) return [];
    const rstrip = stripsAfterControl && !keepsSpace.includes(content);
    return [{
      id,
      content,
      special: isSpecial,
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip,
    }];
  });

  const { addsBos, ...parts } = kind === "gpt2"
    ? bytePairParts(tokens, get("merges") ?? [], get("pre") ?? "default")
    : sentencePieceParts(tokens, types, get("scores") ?? [], {
      unknownToken: tokenOf("unknown")?.text ?? tokens[0],
      addSpacePrefix: get("add_space_prefix") ?? true,
    });
  const bos = get("add_bos_token") ?? addsBos ? tokenOf("bos") : undefined;
  const eos = get("add_eos_token") ? tokenOf("eos") : undefined;
  const names = { bos_token: "bos", eos_token: "eos", unk_token: "unknown", pad_token: "padding" };
  const specialTokens = Object.entries(names).flatMap(([key, name]) => {
    const token = tokenOf(name);
    return token ? [[key, token.text]] : [];
  });
  const template = metadata["tokenizer.chat_template"];
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: addedTokens,
      ...parts,
      post_processor: surroundWith(bos, eos),
    },
    config: {
      ...Object.fromEntries(specialTokens),
      ...(template ? { chat_template: template } : {}),
    },
  };
}

/** A post-processor that puts a token before and one after the text. */
function surroundWith(before: Token | undefined, after: Token | undefined) {
  if (!before && !after) return null;
  const around = (token: Token | undefined) =>
    token ? [{ SpecialToken: { id: token.text, type_id: 0 } }] : [];
  const sequence = (id: "A" | "B") => [...around(before), { Sequence: { id, type_id: 0 } }, ...around(after)];
  return {
    type: "TemplateProcessing",
    single: sequence("A"),
    pair: [...sequence("A"), ...sequence("B")],
    special_tokens: Object.fromEntries(
      [before, after].flatMap((t) => t ? [[t.text, { id: t.text, ids: [t.id], tokens: [t.text] }]] : []),
    ),
  };
}

const idsByToken = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };

/** @throws {BadInput} where the pre-tokenizer is not known or a merge is none. */
function bytePairParts(tokens: readonly string[], merges: readonly string[], name: string) {
  const pre = PRE_TOKENIZERS.find((p) => p.names.includes(name));
  if (!pre) {
    throw new BadInput(
      `Cannot read the file's tokenizer as its pre-tokenizer must be one of ${
        PRE_TOKENIZERS.flatMap((p) => p.names).join(", ")
      }: it is ${name}`,
    );
  }
  return {
    normalizer: pre.normalizer ?? null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...pre.patterns.map(splitBy),
        BYTE_LEVEL,
      ],
    },
    model: {
      type: "BPE",
      vocab: idsByToken(tokens),
      merges: merges.map((merge, rank) => {
        const space = merge.indexOf(" ", 1);
        if (space < 0) {
          throw new BadInput(
            `Cannot read the file's tokenizer as a merge must be two tokens: merge ${rank} is '${merge}'`,
          );
        }
        return [merge.slice(0, space), merge.slice(space + 1)];
      }),
      ignore_merges: pre.ignoreMerges ?? false,
    },
    decoder: BYTE_LEVEL,
    addsBos: pre.addsBos ?? false,
  };
}

/**
 * SentencePiece joins, again and again, the two neighbours whose joined piece has the best score: byte pairs
 * with a merge for every way to cut a piece in two, the best piece's first.
 * @throws {BadInput} where a token has no score.
 */
function sentencePieceParts(
  tokens: readonly string[],
  types: readonly number[],
  scores: readonly number[],
  o: { unknownToken: string; addSpacePrefix: boolean },
) {
  if (scores.length < tokens.length) {
    throw new BadInput(
      `Cannot read the file's tokenizer as each token must have a score: ${scores.length} of ${tokens.length} do`,
    );
  }
  const pieces = tokens.flatMap((piece, id) => (types[id] ?? NORMAL) === NORMAL ? [{ piece, id }] : []);
  const known = new Set(pieces.map((p) => p.piece));
  const merges: [string, string][] = [];
  for (const { piece } of pieces.sort((a, b) => scores[b.id] - scores[a.id])) {
    for (let cut = 1; cut < piece.length; cut++) {
      const left = piece.slice(0, cut);
      if (!known.has(left)) continue;
      const right = piece.slice(cut);
      if (known.has(right)) merges.push([left, right]);
    }
  }
  const replaceSpaces = { type: "Replace", pattern: { String: " " }, content: "▁" };
  return {
    normalizer: o.addSpacePrefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, replaceSpaces] }
      : replaceSpaces,
    pre_tokenizer: null,
    model: {
      type: "BPE",
      vocab: idsByToken(tokens),
      merges,
      unk_token: o.unknownToken,
      fuse_unk: true,
      byte_fallback: types.includes(BYTE),
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(o.addSpacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    addsBos: true,
  };
}
