import assert from "node:assert/strict";
import { chooseQuestions } from "./choose_questions.ts";
import { mmluExample } from "./testing/target.ts";

/** 60 of law, 30 of anatomy, 10 of physics; half of each easy, half hard. */
const examples = ([["law", 60], ["anatomy", 30], ["physics", 10]] as const).flatMap(([subject, count]) =>
  Array.from({ length: count }, (_, i) => mmluExample(i, subject))
);

Deno.test("chooseQuestions() gives each stratum its share, in the data's order, the same for the same seed", () => {
  for (let seed = 0; seed < 50; seed++) {
    const chosen = chooseQuestions(examples, 20, seed);
    assert.equal(new Set(chosen.map((e) => e.id)).size, 20);
    const count = (of: (e: typeof chosen[0]) => boolean) => chosen.filter(of).length;
    for (const [subject, share] of [["law", 12], ["anatomy", 6], ["physics", 2]] as const) {
      assert.ok(Math.abs(count((e) => e.subject === subject) - share) <= 1, `${subject} under seed ${seed}`);
      assert.ok(Math.abs(count((e) => e.subject === subject && e.difficulty === "hard") - share / 2) <= 1);
    }
    const places = chosen.map((e) => examples.indexOf(e));
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
    assert.deepEqual(chooseQuestions(examples, 20, seed), chosen);
  }
  assert.notDeepEqual(chooseQuestions(examples, 20, 1), chooseQuestions(examples, 20, 2));
});

Deno.test("chooseQuestions() draws every question equally often", () => {
  const times = new Map<string, number>();
  for (let seed = 0; seed < 2000; seed++) {
    for (const { id } of chooseQuestions(examples, 25, seed)) times.set(id, (times.get(id) ?? 0) + 1);
  }
  assert.equal(times.size, 100);
  // Binomial(2000, 1/4): 500 expected, standard deviation 19.4.
  for (const [id, n] of times) assert.ok(Math.abs(n - 500) < 5 * 19.4, `${id}: ${n}`);
});

Deno.test("chooseQuestions() gives all where the limit is no limit, and none for 0", () => {
  assert.deepEqual(chooseQuestions(examples, 100, 0), examples);
  assert.deepEqual(chooseQuestions(examples, Infinity, 0), examples);
  assert.deepEqual(chooseQuestions(examples, 0, 0), []);
});
