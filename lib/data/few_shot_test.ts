import assert from "node:assert/strict";
import { holdOut, withoutAsked } from "./few_shot.ts";

Deno.test("holdOut() keeps a tenth apart, in order, by seed", () => {
  const all = Array.from({ length: 95 }, (_, i) => ({ i }));
  const { asked, heldOut } = holdOut(all, 1);
  assert.equal(heldOut.length, 10);
  assert.deepEqual([...asked, ...heldOut].map((r) => r.i).sort((a, b) => a - b), all.map((r) => r.i));
  assert.deepEqual(heldOut, heldOut.toSorted((a, b) => a.i - b.i));
  assert.deepEqual(holdOut(all, 1).heldOut, heldOut);
  assert.notDeepEqual(holdOut(all, 2).heldOut, heldOut);
});

Deno.test("withoutAsked() drops a shot whose question is asked in the same subject", () => {
  const shot = (prompt: string, subject: string) => ({ dataset: "mmlu" as const, prompt, subject });
  const pool = [shot("One?", "a"), shot("Two?", "a"), shot("Three?", "a")];
  const asked = [shot("one? ", "a"), shot("Two?", "b")];
  assert.deepEqual(withoutAsked(pool, asked).map((s) => s.prompt), ["Two?", "Three?"]);
});
