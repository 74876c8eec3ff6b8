import assert from "node:assert/strict";
import { join } from "node:path";
import { readGolden } from "../checkpoint/testing/golden.ts";
import { BadInput } from "../std/errors.ts";
import { sharedTest } from "../std/test_support.ts";
import { Engine } from "./engine.ts";
import { OrtRunner, type OrtRunnerOptions } from "./ort_runner.ts";
import { assertBatchInvariant } from "./testing/batch_invariance.ts";
import { withVariant } from "./testing/build_variant.ts";

/** Every architecture, and every way that a matrix is stored. */
const PREFIX_CASES = [
  ...["gemma3", "gpt2", "llama3-rope", "mistral-window", "phi3", "qwen2", "qwen3"].map((name) =>
    [name, "fp32"] as const
  ),
  ...(["fp32", "base", "med", "cheap"] as const).map((variant) => ["llama", variant] as const),
];

const withRunner = (
  shared: string,
  variant: "fp32" | "med" | "cheap",
  options: OrtRunnerOptions,
  use: (runner: OrtRunner) => Promise<void>,
) =>
  withVariant(join(shared, "tiny/llama"), variant, async (folder) => {
    const runner = await OrtRunner.create(folder, { threads: 2, ...options });
    try {
      await use(runner);
    } finally {
      runner.close();
    }
  });

for (const variant of ["fp32", "med", "cheap"] as const) {
  sharedTest(
    `OrtRunner ${variant}: a request's logits are the same alone and among 16 others`,
    (shared) =>
      withRunner(
        shared,
        variant,
        { slots: 16, chunk: 16 },
        (runner) => assertBatchInvariant(runner, { longest: 60, outputs: 12 }),
      ),
  );
}

for (const [name, variant] of PREFIX_CASES) {
  sharedTest(
    `${name} ${variant}: prompts that go on from KV of others have the logits of cold runs`,
    (shared) =>
      withVariant(join(shared, "tiny", name), variant, async (folder) => {
        const runner = await OrtRunner.create(folder, { threads: 2, slots: 6, chunk: 8 });
        try {
          await assertBatchInvariant(runner, { longest: 40, outputs: 6, stem: 30 });
        } finally {
          runner.close();
        }
      }),
  );
}

sharedTest(
  "Engine over OrtRunner answers with the golden greedy ids, all prompts at once",
  async (shared) => {
    const golden = readGolden(join(shared, "tiny/llama"));
    await withVariant(join(shared, "tiny/llama"), "fp32", async (folder) => {
      const runner = await OrtRunner.create(folder, { slots: 4, chunk: 8 });
      await using engine = new Engine({ name: "tiny", runner, tokenizer: null, eosTokenIds: [] });
      const answers = await Promise.all(
        golden.map(({ inputIds, greedyIds }) =>
          engine.generate({ ids: inputIds }, { maxTokens: greedyIds.length })
        ),
      );
      assert.deepEqual(answers.map((a) => a.tokenIds), golden.map((g) => g.greedyIds));
    });
  },
);

for (const variant of ["fp32", "cheap"] as const) {
  sharedTest(
    `OrtRunner ${variant}: the last of four slots and an only slot decode to the same bits`,
    async (shared) => {
      const decoded: number[][] = [];
      for (const slots of [4, 1]) {
        await withRunner(shared, variant, { slots, chunk: 16 }, async (runner) => {
          const slot = slots - 1; // a companion row, where one is needed, lies before or behind it
          await runner.prefill(slot, [5, 6, 7], 0, "none");
          decoded.push([...await runner.decode([{ slot, tokenId: 8, position: 3 }], () => 0)]);
        });
      }
      assert.deepEqual(decoded[0], decoded[1]);
    },
  );
}

sharedTest(
  "OrtRunner keeps what a slot holds when others decode around it",
  (shared) =>
    withRunner(shared, "fp32", { slots: 4, chunk: 16 }, async (runner) => {
      const ids = (salt: number, length: number) =>
        Array.from({ length }, (_, i) => (salt * 31 + i * 7) % runner.vocabSize);
      const whole = async (slot: number) => (await runner.prefill(slot, ids(1, 12), 0, "last")).slice();
      const wanted = await whole(1);
      await runner.prefill(0, ids(2, 3), 0, "none");
      await runner.prefill(3, ids(3, 3), 0, "none");
      await runner.prefill(1, ids(1, 12).slice(0, 6), 0, "none");
      for (let step = 0; step < 4; step++) { // slot 1 holds 6 positions, slot 2 is free
        await runner.decode(
          [{ slot: 0, tokenId: 5, position: 3 + step }, { slot: 3, tokenId: 5, position: 3 + step }],
          (slot) => slot === 1 ? 6 : 0,
        );
      }
      assert.deepEqual(await runner.prefill(1, ids(1, 12).slice(6), 6, "last"), wanted);
    }),
);

sharedTest(
  "OrtRunner.prefill() gives logits of no row, the last one or a range",
  (shared) =>
    withRunner(shared, "fp32", { slots: 2, chunk: 16 }, async (runner) => {
      const ids = [5, 6, 7, 8];
      const all = (await runner.prefill(1, ids, 0, [0, 4])).slice();
      const size = runner.vocabSize;
      assert.equal(all.length, 4 * size);
      assert.equal((await runner.prefill(0, ids, 0, "none")).length, 0);
      assert.deepEqual(await runner.prefill(0, ids, 0, "last"), all.subarray(3 * size));
      assert.deepEqual(await runner.prefill(0, ids, 0, [1, 3]), all.subarray(size, 3 * size));
      await assert.rejects(runner.prefill(0, Array(18).fill(1), 0, "none"), /at most 17 must fit/);
      await assert.rejects(runner.prefill(0, [1, 2], runner.context - 1, "none"), RangeError);
    }),
);

sharedTest(
  "OrtRunner.create() refuses what cannot be run",
  (shared) =>
    withVariant(join(shared, "tiny/llama"), "fp32", async (folder) => {
      const bad = (options: OrtRunnerOptions, message: RegExp, path = folder) =>
        assert.rejects(
          OrtRunner.create(path, options),
          (e) => e instanceof BadInput && message.test(e.message),
        );
      await bad({ context: 1 << 20 }, /context of 1048576 as test must know its positions/);
      await bad({ slots: 0 }, /must have a slot/);
      await bad({}, /variant.json as it must exist/, join(folder, "absent"));
    }),
);
