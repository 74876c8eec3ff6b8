/**
 * Token ids to text, one at a time: what a `decoder` of `tokenizer.json` does to a whole list, done so that the
 * pieces joined are the whole, each as early as its characters are complete, in constant time a token.
 *
 * Byte-level: `Ġcaf` `Ã` `©` is ` caf`, nothing, `é`. SentencePiece: `▁a` `<0xC3>` `<0xA9>` is ` a`, nothing, `é`.
 */
import { BadInput } from "../std/errors.ts";

export interface StreamDecoder {
  /** The text that this token completes; empty inside a character of several tokens. */
  push(id: number): string;
  /** What is held back, a cut-off character as U+FFFD; the decoder then starts afresh. */
  flush(): string;
}

/** How tokens become text. */
interface DecodingRules {
  /** Tokens are bytes in GPT-2's alphabet. */
  byteLevel: boolean;
  /** `<0xAB>` tokens are bytes. */
  byteFallback: boolean;
  /** Replaced in every token, in this order. */
  replacements: { from: string; to: string }[];
  /** Spaces taken off the front of the whole text. */
  stripStart: number;
}

interface DecoderJson {
  type: string;
  decoders?: DecoderJson[];
  pattern?: { String?: string };
  content?: string;
  start?: number;
  stop?: number;
  replacement?: string;
  prepend_scheme?: string;
}

/**
 * Reads the rules from the `decoder` of a `tokenizer.json`.
 * @throws {BadInput} where it has a step that language models do not use.
 */
function readRules(json: DecoderJson | null): DecodingRules {
  const rules: DecodingRules = { byteLevel: false, byteFallback: false, replacements: [], stripStart: 0 };
  for (const step of json?.type === "Sequence" ? json.decoders ?? [] : json ? [json] : []) {
    if (step.type === "ByteLevel") rules.byteLevel = true;
    else if (step.type === "ByteFallback") rules.byteFallback = true;
    else if (step.type === "Replace" && step.pattern?.String !== undefined) {
      rules.replacements.push({ from: step.pattern.String, to: step.content ?? "" });
    } else if (step.type === "Strip" && step.content === " " && !step.stop) {
      rules.stripStart = step.start ?? 0;
    } else if (step.type === "Metaspace") {
      rules.replacements.push({ from: step.replacement ?? "▁", to: " " });
      rules.stripStart = step.prepend_scheme === "never" ? 0 : 1;
    } else if (step.type !== "Fuse") {
      throw new BadInput(
        "Cannot decode with this tokenizer as its decoder must be of ByteLevel, Metaspace or Replace, " +
          `ByteFallback, Fuse and Strip: it has ${JSON.stringify(step)}`,
      );
    }
  }
  return rules;
}

/** GPT-2's alphabet: each byte as a printable character, those that are none as U+0100 and on. */
export const CHAR_OF_BYTE: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(isPrintable ? byte : next++);
  });
})();
const BYTE_OF_CHAR = new Map(CHAR_OF_BYTE.map((char, byte) => [char, byte]));

/** A token's bytes, or null where a character of it stands for none. */
function byteLevelBytes(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHAR.get(token[i]);
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}

export interface TokenTable {
  /** Token texts by id; ids without a token (padding of the embedding) give no text. */
  tokens: readonly (string | undefined)[];
  /** Ids of added tokens: they stand for themselves. */
  added: ReadonlySet<number>;
  /** Ids of added tokens that structure the prompt and are no text. */
  special: ReadonlySet<number>;
}

/**
 * Prepares a decoder of single tokens.
 * @param decoder `decoder` of the `tokenizer.json`
 * @returns a maker of stream decoders
 * @throws {BadInput} where the decoder is not one of a language model's.
 */
export function createTokenDecoder(
  decoder: unknown,
  table: TokenTable,
): (skipSpecialTokens: boolean) => StreamDecoder {
  const rules = readRules(decoder as DecoderJson | null);

  /** Bytes are joined with their neighbours' before they are characters; a string is text as it is. */
  const contentOf = (id: number): Uint8Array | string => {
    const token = table.tokens[id] ?? "";
    if (rules.byteLevel) return table.added.has(id) ? token : byteLevelBytes(token) ?? token;
    if (rules.byteFallback && /^<0x[0-9A-Fa-f]{2}>$/.test(token)) {
      return Uint8Array.of(parseInt(token.slice(3, 5), 16));
    }
    return rules.replacements.reduce((text, { from, to }) => text.replaceAll(from, to), token);
  };

  return (skipSpecialTokens) => {
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
    let toStrip = rules.stripStart;
    const strip = (text: string): string => {
      let at = 0;
      while (toStrip > 0 && at < text.length) {
        if (text[at] === " ") at++, toStrip--;
        else toStrip = 0;
      }
      return text.slice(at);
    };
    return {
      push(id) {
        if (skipSpecialTokens && table.special.has(id)) return "";
        const content = contentOf(id);
        if (content.length === 0) return "";
        return strip(
          typeof content === "string" ? utf8.decode() + content : utf8.decode(content, { stream: true }),
        );
      },
      flush() {
        const rest = strip(utf8.decode());
        toStrip = rules.stripStart;
        return rest;
      },
    };
  };
}
