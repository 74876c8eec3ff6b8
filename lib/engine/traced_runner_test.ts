import assert from "node:assert/strict";
import { Engine } from "./engine.ts";
import { ToyRunner } from "./testing/toy_runner.ts";
import { TracedRunner } from "./traced_runner.ts";

Deno.test("TracedRunner notes each step of a request and leaves its tokens as they are", async () => {
  const tokens = async (traced: boolean) => {
    const toy = new ToyRunner({ slots: 2, chunk: 4 });
    const runner = new TracedRunner(toy, () => toy.at);
    await using engine = new Engine({
      name: "toy",
      runner: traced ? runner : toy,
      tokenizer: null,
      eosTokenIds: [],
    });
    const { tokenIds } = await engine.generate({ ids: [1, 2, 3, 4, 5, 6] }, { maxTokens: 3 });
    return { tokenIds, steps: runner.takeSteps(), rest: runner.takeSteps() };
  };
  const { tokenIds, steps, rest } = await tokens(true);
  assert.deepEqual(tokenIds, (await tokens(false)).tokenIds);
  assert.deepEqual(steps, [
    { kind: "prefill", slots: [0], positions: 4, start: 0, beganAt: 0, endedAt: 4 },
    { kind: "prefill", slots: [0], positions: 2, start: 4, beganAt: 4, endedAt: 6 },
    { kind: "decode", slots: [0], positions: 1, start: null, beganAt: 6, endedAt: 16 },
    { kind: "decode", slots: [0], positions: 1, start: null, beganAt: 16, endedAt: 26 },
  ]);
  assert.deepEqual(rest, []);
});

Deno.test("TracedRunner notes nothing of a step that fails", async () => {
  const toy = new ToyRunner({
    onRun: () => {
      throw new Error("no");
    },
  });
  const runner = new TracedRunner(toy);
  await assert.rejects(runner.prefill(0, [1, 2], 0, "last"), /no/);
  assert.deepEqual(runner.takeSteps(), []);
});
