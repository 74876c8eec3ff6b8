import assert from "node:assert/strict";
import { StopMatcher } from "./stop_matcher.ts";

/** What comes out piece by piece, then at the end. */
function run(stops: string[], pieces: string[]): string[] {
  const matcher = new StopMatcher(stops);
  const out: string[] = [];
  for (const piece of pieces) {
    out.push(matcher.push(piece));
    if (matcher.stopped) return [...out, "STOP"];
  }
  return [...out, matcher.flush()];
}

Deno.test("StopMatcher gives text at once where there is nothing to stop at", () => {
  assert.deepEqual(run([], ["a", "b"]), ["a", "b", ""]);
});

Deno.test("StopMatcher finds a stop string over the borders of pieces", () => {
  assert.deepEqual(run(["END"], ["ab", "cE", "N", "D more"]), ["ab", "c", "", "", "STOP"]);
  assert.deepEqual(run(["END"], ["xENDy"]), ["x", "STOP"]);
});

Deno.test("StopMatcher gives held text back when it turns out not to be a stop string", () => {
  assert.deepEqual(run(["END"], ["aE", "Ex", "EN"]), ["a", "E" + "Ex", "", "EN"]);
  assert.deepEqual(run(["aab"], ["aaa", "ab"]), ["a", "a", "STOP"]);
});

Deno.test("StopMatcher stops at the earliest of several stop strings", () => {
  assert.deepEqual(run(["\n\n", "Question:"], ["x\nQues", "tion:\n\n"]), ["x\n", "", "STOP"]);
});
