import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import { MMLU_CHANCE, oracleChance } from "./chance.ts";

Deno.test("oracleChance() is what guessers reach together, and one guesser's is MMLU's chance", () => {
  assert.equal(oracleChance(1), MMLU_CHANCE);
  assert.equal(oracleChance(3), 0.578125);
  const random = createRandom(5), trials = 20_000;
  let right = 0;
  for (let i = 0; i < trials; i++) {
    if (Array.from({ length: 3 }, () => random.int(4)).includes(0)) right++;
  }
  assert.ok(Math.abs(right / trials - oracleChance(3)) < 0.015);
});
