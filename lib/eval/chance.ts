/** What guessing reaches on MMLU: the floor under every accuracy. */
import { LETTERS } from "../prompts/mod.ts";

/**
 * Accuracy of a guesser among the four letters.
 * @see Hendrycks et al. 2021, Measuring massive multitask language understanding, table 1: random, 25%
 */
export const MMLU_CHANCE = 1 / LETTERS.length;

/**
 * Accuracy of the best of some independent guessers, chosen in hindsight: 0.578 for three. An oracle over as
 * many variants that does not pass it has shown nothing.
 */
export function oracleChance(guessers: number): number {
  return 1 - (1 - MMLU_CHANCE) ** guessers;
}
