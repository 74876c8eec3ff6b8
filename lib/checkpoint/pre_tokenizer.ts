/** How text is cut into words before byte pairs are merged, in the form of `tokenizer.json`. */

/** What GPT-2 splits text into, before byte pairs are merged. */
export const GPT2_PATTERN = String
  .raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** A pre-tokenizer that splits off what a pattern matches. */
export function splitBy(pattern: string): Record<string, unknown> {
  return { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
}

/**
 * Rewrites the pre-tokenizers whose built-in patterns the package writes with JavaScript's `\d` and `\s`, so
 * that they split digits of all scripts (`٣`, `½`) and Unicode's white space as the Rust library does.
 */
export function withUnicodePatterns(json: unknown): unknown {
  const step = json as { type?: string; pretokenizers?: unknown[] } & Record<string, unknown> | null;
  if (step?.type === "Sequence") {
    return { ...step, pretokenizers: step.pretokenizers?.flatMap((s) => withUnicodePatterns(s)) };
  }
  if (step?.type === "Digits") return splitBy(step.individual_digits ? "\\p{N}" : "\\p{N}+");
  if (step?.type === "ByteLevel" && step.use_regex !== false && !step.add_prefix_space) {
    return { type: "Sequence", pretokenizers: [splitBy(GPT2_PATTERN), { ...step, use_regex: false }] };
  }
  return json;
}
