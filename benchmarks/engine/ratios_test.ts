import assert from "node:assert/strict";
import { type Cell, cellName, FULL, type TurnRecord } from "./cells.ts";
import { goalOf, ratiosOf, roundedRatio, tableOf } from "./ratios.ts";

const cell: Cell = { kind: "decode", batch: 8, past: 200 };
const turn = (round: number, med: number, q8: number): TurnRecord => ({
  model: "m",
  cell: cellName(cell),
  round,
  engines: { med: { tokens: 2 * med, seconds: 2 }, q8_0: { tokens: q8, seconds: 1 } },
});

Deno.test("ratiosOf() takes the ratio within each round, then the median", () => {
  const records = [turn(0, 300, 100), turn(1, 100, 100), turn(2, 80, 40)];
  const [ratio, ...others] = ratiosOf("m", [cell], records);
  assert.deepEqual(others, []);
  assert.deepEqual(ratio, {
    model: "m",
    cell: "decode 8, past 200",
    pair: "med/q8_0",
    rates: [100, 100],
    median: 2, // of 3, 1 and 2
    min: 1,
    max: 3,
    rounds: 3,
    goal: 1.5,
    reached: true,
  });
});

Deno.test("ratiosOf() leaves out other models, cells and pairs that were not measured", () => {
  assert.deepEqual(ratiosOf("other", [cell], [turn(0, 1, 1)]), []);
  assert.deepEqual(ratiosOf("m", [{ kind: "prefill", length: 128 }], [turn(0, 1, 1)]), []);
  const half = turn(0, 1, 1);
  delete half.engines.q8_0;
  assert.deepEqual(ratiosOf("m", [cell], [half]), []);
});

Deno.test("ratiosOf() judges the median: a goal just missed is missed", () => {
  const reached = (med: number) => ratiosOf("m", [cell], [turn(0, med, 1000)])[0].reached;
  assert.equal(reached(1500), true);
  assert.equal(reached(1499), false);
});

Deno.test("goalOf() gives the goals of each cell", () => {
  const goals = (pair: Parameters<typeof goalOf>[0]) => FULL.cells.map((c) => goalOf(pair, c));
  assert.deepEqual(goals(["med", "q8_0"]), [1.1, ...Array(10).fill(1.5)]);
  assert.deepEqual(goals(["cheap", "q4_0"]), Array(11).fill(1));
  assert.equal(goalOf(["med", "transformers_js"], { kind: "workload", concurrency: 8 }), 8);
  assert.equal(goalOf(["med", "q8_0"], { kind: "decode", batch: 2, past: 200 }), null);
});

Deno.test("tableOf() prints the goal beside the ratio", () => {
  const table = tableOf(ratiosOf("m", [cell], [turn(0, 140, 100), turn(1, 160, 100), turn(2, 120, 100)]));
  assert.match(
    table.split("\n")[2],
    /^\| m +\| decode 8, past 200 \| med 140 +\| llama.cpp Q8_0 100 \| 1.40 \(1.20-1.60\) +\| 1.5 missed \|$/,
  );
});

Deno.test("roundedRatio() rounds for the JSON line and never changes the verdict", () => {
  const [ratio] = ratiosOf("m", [cell], [turn(0, 1499.9, 1000)]);
  assert.deepEqual(roundedRatio(ratio), { ...ratio, median: 1.5, min: 1.5, max: 1.5 });
  assert.equal(ratio.reached, false);
});
