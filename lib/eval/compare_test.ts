import assert from "node:assert/strict";
import { pairedDifference } from "../math/mod.ts";
import { BadInput } from "../std/errors.ts";
import { comparePredictions } from "./compare.ts";
import { gsm8kExample, letters, predict } from "./testing/target.ts";

Deno.test("comparePredictions() pairs by question, and tells flips from changes between wrong answers", () => {
  const first = letters("law", "BBAAC"), second = letters("law", "BABDC").toReversed();
  const { mmlu } = comparePredictions([...first, ...letters("anatomy", "B")], second);
  assert.deepEqual(mmlu, {
    count: 5,
    ...pairedDifference([true, true, false, false, false], [true, false, true, false, false]),
    rightToWrongIds: ["mmlu/test/law/1"],
    wrongToRightIds: ["mmlu/test/law/2"],
    changed: 3,
    unpaired: 1,
  });
});

Deno.test("comparePredictions() keeps the data sets apart, and is positive where the second is better", () => {
  const first = [...letters("law", "AB"), predict(gsm8kExample(0), "18")];
  const second = [...letters("law", "BB"), predict(gsm8kExample(0), "17")];
  const { mmlu, gsm8k, overall } = comparePredictions(first, second);
  assert.deepEqual([mmlu?.difference, gsm8k?.difference, overall?.difference], [0.5, -1, 0]);
});

Deno.test("comparePredictions() has no difference without a common question, and refuses other prompts", () => {
  const { mmlu, gsm8k, overall } = comparePredictions(letters("law", "B"), letters("anatomy", "B"));
  assert.deepEqual([mmlu, gsm8k, overall], [null, null, null]);
  const other = letters("law", "B").map((p) => ({ ...p, promptHash: "x" }));
  assert.throws(() => comparePredictions(letters("law", "B"), other), BadInput);
});
