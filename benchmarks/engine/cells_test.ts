import assert from "node:assert/strict";
import {
  type Cell,
  cellName,
  ENGINES,
  enginesOf,
  FULL,
  roundsOf,
  type TurnRecord,
  turnsLeft,
} from "./cells.ts";

const decode: Cell = { kind: "decode", batch: 4, past: 200 };
const eight: Cell = { kind: "workload", concurrency: 8 };
const one: Cell = { kind: "workload", concurrency: 1 };
const record = (cell: Cell, round: number, model = "smollm2"): TurnRecord => ({
  model,
  cell: cellName(cell),
  round,
  engines: {},
});
const list = (turns: ReturnType<typeof turnsLeft>) => turns.map((t) => `${t.round} ${cellName(t.cell)}`);

Deno.test("turnsLeft() goes round by round, the workloads after all else", () => {
  assert.deepEqual(list(turnsLeft("smollm2", [eight, decode, one], 2, [])), [
    "0 decode 4, past 200",
    "1 decode 4, past 200",
    "0 workload, concurrency 8",
    "0 workload, concurrency 1",
    "1 workload, concurrency 8",
  ]);
});

Deno.test("turnsLeft() leaves out what the log holds of this model alone", () => {
  const done = [record(decode, 0), record(decode, 1, "other"), record(eight, 0)];
  assert.deepEqual(list(turnsLeft("smollm2", [decode, eight], 2, done)), [
    "1 decode 4, past 200",
    "1 workload, concurrency 8",
  ]);
});

Deno.test("turnsLeft() has more to do where more rounds are asked for", () => {
  const done = turnsLeft("smollm2", FULL.cells, 5, []).map(({ cell, round }) => record(cell, round));
  assert.deepEqual(turnsLeft("smollm2", FULL.cells, 5, done), []);
  assert.deepEqual(
    turnsLeft("smollm2", FULL.cells, 6, done).map((t) => t.cell),
    FULL.cells.filter((c) => c.kind !== "workload"),
  );
});

Deno.test("roundsOf() gives workloads fewer rounds, and the larger model one workload", () => {
  assert.deepEqual([decode, eight, one].map((cell) => roundsOf("smollm2", cell, 5)), [5, 3, 1]);
  assert.deepEqual([decode, eight, one].map((cell) => roundsOf("qwen05", cell, 5)), [5, 1, 0]);
  assert.equal(roundsOf("smollm2", eight, 2), 2);
});

Deno.test("enginesOf() turns the order round, and asks transformers.js once", () => {
  const turn = (cell: Cell, round: number) => enginesOf({ model: "smollm2", cell, round }, true);
  assert.deepEqual(turn(decode, 0), [...ENGINES]);
  assert.deepEqual(turn(decode, 1), ENGINES.toReversed());
  assert.deepEqual(turn(eight, 0), [...ENGINES, "transformers_js"]);
  assert.deepEqual(turn(eight, 1), ENGINES.toReversed());
  assert.deepEqual(turn(one, 0), [...ENGINES]);
  assert.deepEqual(enginesOf({ model: "smollm2", cell: eight, round: 0 }, false), [...ENGINES]);
});
