import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import { BadInput } from "../std/errors.ts";
import type { Difficulty } from "../types/mod.ts";
import type { Draft } from "./benchmark.ts";
import { countDuplicates, questionKey } from "./duplicates.ts";
import { SPLITS, stratifiedSplit } from "./split.ts";

function records(sizes: Record<string, number>, dataset: Draft["dataset"] = "mmlu"): Draft[] {
  return Object.entries(sizes).flatMap(([stratum, size]) => {
    const [difficulty, subject] = stratum.split("/");
    return Array.from({ length: size }, (_, i): Draft => ({
      dataset,
      prompt: `${dataset} ${subject} ${i}`,
      answer: "A",
      subject,
      difficulty: difficulty as Difficulty,
      id: `${dataset}/${subject}/${i}`,
    }));
  });
}
const count = (list: readonly Draft[], subject: string) => list.filter((r) => r.subject === subject).length;

Deno.test("stratifiedSplit() gives 60/20/20 of each stratum", () => {
  const split = stratifiedSplit(records({ "easy/a": 10, "hard/b": 100, "hard/c": 55 }), 1);
  for (const [subject, n] of [["a", 10], ["b", 100], ["c", 55]] as const) {
    assert.deepEqual(SPLITS.map((s) => count(split[s], subject)), [n * 0.6, n * 0.2, n * 0.2], subject);
  }
});

Deno.test("stratifiedSplit() keeps every record once, totals within one record and strata within two", () => {
  const random = createRandom(7);
  for (let round = 0; round < 60; round++) {
    const sizes = Object.fromEntries(
      Array.from({ length: 1 + random.int(60) }, (_, i) => [`hard/s${i}`, 5 + random.int(30)]),
    );
    const all = records(sizes);
    const split = stratifiedSplit(all, round);
    assert.deepEqual(SPLITS.flatMap((s) => split[s]).map((r) => r.id).sort(), all.map((r) => r.id).sort());
    for (const [i, share] of [0.6, 0.2, 0.2].entries()) {
      assert.ok(Math.abs(split[SPLITS[i]].length - share * all.length) < 1);
      for (const [stratum, size] of Object.entries(sizes)) {
        const n = count(split[SPLITS[i]], stratum.split("/")[1]);
        assert.ok(Math.abs(n - share * size) < 2, `${n} of ${size} in ${SPLITS[i]}`);
      }
    }
  }
});

Deno.test("stratifiedSplit() balances each data set on its own", () => {
  const split = stratifiedSplit([...records({ "easy/a": 101 }), ...records({ "easy/a": 33 }, "gsm8k")], 1);
  for (const [dataset, n] of [["mmlu", 101], ["gsm8k", 33]] as const) {
    for (const [i, share] of [0.6, 0.2, 0.2].entries()) {
      const own = split[SPLITS[i]].filter((r) => r.dataset === dataset).length;
      assert.ok(Math.abs(own - share * n) < 1);
    }
  }
});

Deno.test("stratifiedSplit() keeps duplicates together, also across subjects", () => {
  const all = records({ "easy/a": 40, "hard/b": 40 });
  for (let i = 0; i < 12; i++) all[40 + i].prompt = ` ${all[i].prompt.toUpperCase().replaceAll(" ", "  ")}`;
  all[60].prompt = all[61].prompt = all[62].prompt;
  assert.equal(countDuplicates(all), 14);
  for (let seed = 0; seed < 20; seed++) {
    const split = stratifiedSplit(all, seed);
    const keys = SPLITS.map((s) => new Set(split[s].map(questionKey)));
    assert.equal(keys[0].size + keys[1].size + keys[2].size, 66, "no question is in two splits");
    assert.deepEqual(SPLITS.map((s) => split[s].length), [48, 16, 16]);
  }
});

Deno.test("stratifiedSplit() pools strata under 5 within their difficulty", () => {
  const sizes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`easy/s${i}`, 1]));
  const split = stratifiedSplit([...records(sizes), ...records({ "hard/x": 20 })], 3);
  const easy = SPLITS.map((s) => split[s].filter((r) => r.difficulty === "easy").length);
  assert.deepEqual(easy, [12, 4, 4]);
});

Deno.test("stratifiedSplit() leaves no split empty, down to three records", () => {
  for (let n = 3; n < 12; n++) {
    const split = stratifiedSplit(records({ "easy/a": n }), 0);
    assert.ok(SPLITS.every((s) => split[s].length > 0), `${n} records`);
  }
  assert.throws(() => stratifiedSplit(records({ "easy/a": 2 }), 0), BadInput);
});

Deno.test("stratifiedSplit() refuses a data set that asks one question only", () => {
  const all = records({ "easy/a": 6 });
  for (const r of all) r.prompt = "same";
  assert.throws(() => stratifiedSplit(all, 0), (e) => e instanceof BadInput && /too few/.test(e.message));
});

const GOLDEN = ["b/1 b/3 b/5 a/0 b/0 a/1 a/4", "b/2 a/3", "b/4 a/2"];

Deno.test("stratifiedSplit() is the same on every machine, and another with another seed", () => {
  const all = records({ "easy/a": 5, "hard/b": 6 });
  const ids = (seed: number) =>
    SPLITS.map((s) => stratifiedSplit(all, seed)[s].map((r) => r.id.slice(5)).join(" "));
  assert.deepEqual(ids(42), GOLDEN);
  assert.notDeepEqual(ids(43), GOLDEN);
});

Deno.test("a split's beginning is a fair sample of it", () => {
  const split = stratifiedSplit([...records({ "easy/a": 500 }), ...records({ "easy/a": 500 }, "gsm8k")], 5);
  const first = split.train.slice(0, 100).filter((r) => r.dataset === "mmlu").length;
  assert.ok(first > 30 && first < 70, `${first} of the first 100`);
});
