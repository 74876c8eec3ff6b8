/** A real model's echoed log-probabilities against what PyTorch computes of the same weights. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadEngine } from "../engine/single_variant_server.ts";
import { fetchTestModel, withVariant } from "../engine/testing/build_variant.ts";
import type { GoldenAnswer } from "../engine/testing/teacher_forcing.ts";
import { readJsonl } from "../std/files.ts";
import { sharedTest } from "../std/test_support.ts";
import { createApp } from "./app.ts";
import type { LegacyLogprobs } from "./token_texts.ts";

sharedTest("echo gives PyTorch's log-probabilities of the golden answers", async (shared) => {
  const golden = await readJsonl<GoldenAnswer>(join(shared, "golden", "smollm2.jsonl"));
  await withVariant(await fetchTestModel(shared, "smollm2"), "fp32", async (folder) => {
    const { engine } = await loadEngine(folder, { context: 1024 });
    await using _ = engine;
    const app = createApp({ models: [{ id: "smollm2/fp32", engine }], maxQueue: 0 });
    for (const { prompt_ids, greedy_ids, top_logprobs } of golden.slice(0, 8)) {
      const response = await app.request("/v1/completions", {
        method: "POST",
        body: JSON.stringify({
          prompt: [...prompt_ids, ...greedy_ids],
          echo: true,
          max_tokens: 0,
          logprobs: 1,
        }),
      });
      const { choices: [{ logprobs }] } = await response.json() as {
        choices: [{ logprobs: LegacyLogprobs }];
      };
      assert.equal(logprobs.tokens.length, prompt_ids.length + greedy_ids.length);
      greedy_ids.forEach((id, i) => {
        const at = prompt_ids.length + i;
        const expected = top_logprobs[i].find(([token]) => token === id)![1];
        assert.ok(Math.abs(logprobs.token_logprobs[at]! - expected) < 0.01, `position ${at}`);
        assert.equal(logprobs.token_logprobs[at], Math.max(...Object.values(logprobs.top_logprobs[at]!)));
      });
    }
  });
});
