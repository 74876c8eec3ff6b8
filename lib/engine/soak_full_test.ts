import assert from "node:assert/strict";
import { join } from "node:path";
import { sharedTest } from "../std/test_support.ts";
import { Engine } from "./engine.ts";
import { OrtTensor } from "./ort.ts";
import { OrtRunner } from "./ort_runner.ts";
import { withVariant } from "./testing/build_variant.ts";
import { soak } from "./testing/soak.ts";

for (const prefixCache of [false, true]) {
  sharedTest(
    `2,000 requests with aborts leave no slot, no native value and no memory behind (prefix cache ${prefixCache})`,
    (shared) =>
      withVariant(join(shared, "tiny/llama"), "med", async (folder) => {
        const before = OrtTensor.alive;
        const runner = await OrtRunner.create(folder, { slots: 8, context: 128, chunk: 16, threads: 1 });
        const { vocabSize } = runner;
        const engine = new Engine({ name: "tiny", runner, tokenizer: null, eosTokenIds: [], prefixCache });
        const outcome = await soak(engine, { vocabSize, longestPrompt: 100, longestOutput: 20 });
        await engine.close();
        assert.equal(OrtTensor.alive, before);
        assert.ok(outcome.aborted > 200, `${outcome.aborted} aborted`);
        assert.equal(outcome.cachedTokens > 0, prefixCache);
        const { rssAfter500, largestRss } = outcome;
        assert.ok(largestRss <= 1.05 * rssAfter500, `${rssAfter500} bytes became ${largestRss}`);
      }),
  );
}
