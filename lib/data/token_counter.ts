/**
 * Counts cl100k_base tokens, as `js-tiktoken` does with its vocabulary and pattern, but ten times as fast: each
 * distinct piece of text is encoded once, and only as far as the count needs.
 * @see js-tiktoken 1.0.21, `src/core.ts`: the same merges in the same order
 */

/** Names the counts in manifests. */
export const TOKENIZER = "js-tiktoken@1.0.21 cl100k_base";

export type CountTokens = (text: string) => number;

interface Vocabulary {
  pat_str: string;
  /** Lines of `! <first rank> <base64 token> <base64 token> ...` with rising ranks. */
  bpe_ranks: string;
}

/** Reads the ranks; a token's bytes are the char codes of its key. */
function parseRanks(text: string): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, first, ...tokens] = line.split(" ");
    for (const [i, token] of tokens.entries()) ranks.set(atob(token), Number(first) + i);
  }
  return ranks;
}

/** Merges the bytes of a piece, lowest rank first, and gives how many tokens are left. */
function countMerged(bytes: string, ranks: ReadonlyMap<string, number>): number {
  const parts = [...bytes];
  /** Rank of part i joined with the next. */
  const rankAt = (i: number) => ranks.get(parts[i] + parts[i + 1]) ?? Infinity;
  const joined = parts.slice(1).map((_, i) => rankAt(i));
  for (;;) {
    let best = 0;
    for (let i = 1; i < joined.length; i++) if (joined[i] < joined[best]) best = i;
    if (!(joined[best] < Infinity)) return parts.length;
    parts.splice(best, 2, parts[best] + parts[best + 1]);
    joined.splice(best, 1);
    if (best > 0) joined[best - 1] = rankAt(best - 1);
    if (best < joined.length) joined[best] = rankAt(best);
  }
}

/** Makes a counter over a vocabulary; special tokens such as `<|endoftext|>` are counted as plain text. */
export function createTokenCounter({ pat_str, bpe_ranks }: Vocabulary): CountTokens {
  const pattern = new RegExp(pat_str, "ug");
  const ranks = parseRanks(bpe_ranks);
  const encoder = new TextEncoder();
  const counts = new Map<string, number>();
  const countPiece = (piece: string) => {
    let bytes = "";
    for (const byte of encoder.encode(piece)) bytes += String.fromCharCode(byte);
    return ranks.has(bytes) ? 1 : countMerged(bytes, ranks);
  };
  return (text) => {
    let total = 0;
    for (const piece of text.match(pattern) ?? []) {
      let count = counts.get(piece);
      if (count === undefined) counts.set(piece, count = countPiece(piece));
      total += count;
    }
    return total;
  };
}

let shared: Promise<CountTokens> | undefined;

/** Loads the counter of cl100k_base, once in a process. */
export function loadTokenCounter(): Promise<CountTokens> {
  return shared ??= import("js-tiktoken/ranks/cl100k_base").then((ranks) =>
    createTokenCounter(ranks.default)
  );
}
