/** Which questions are asked where there is no time for all. */
import { createRandom, shuffle } from "../math/mod.ts";
import type { Example } from "../types/mod.ts";

/**
 * Draws questions evenly over categories, subjects and difficulties: sorted by these and random within them,
 * every n/limit-th is taken from a random start, so that each stratum's share is within one question of its own.
 * @returns at most `limit` examples, in the order of `examples`
 * @see Cochran 1977, Sampling Techniques, chapter 8 (systematic sampling)
 */
export function chooseQuestions(examples: readonly Example[], limit: number, seed: number): Example[] {
  if (limit >= examples.length) return [...examples];
  const random = createRandom(seed);
  const stratum = (e: Example) => [e.category ?? "", e.subject, e.difficulty].join("\n");
  const sorted = shuffle(examples, random).map((example) => ({ example, key: stratum(example) }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  const start = random.float();
  const chosen = new Set(Array.from(
    { length: limit },
    (_, i) => sorted[Math.floor((i + start) * sorted.length / limit)].example,
  ));
  return examples.filter((example) => chosen.has(example));
}
