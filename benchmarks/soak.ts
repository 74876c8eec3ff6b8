/** `deno task bench soak`: what many requests with random aborts leave behind; prints one JSON line. */
import { ensureVariant } from "slolab/compress/cache.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { Engine } from "slolab/engine/engine.ts";
import { OrtTensor } from "slolab/engine/ort.ts";
import { OrtRunner } from "slolab/engine/ort_runner.ts";
import { soak } from "slolab/engine/testing/soak.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import type { Command, Flags } from "slolab/std/cli.ts";

const flags = {
  model: { type: "string", default: "smollm2-135m-instruct", help: "catalogue name, hub id or path" },
  variant: { type: "string", default: "med", choices: VARIANTS, help: "how the weights are stored" },
  requests: { type: "integer", default: 2000, min: 600, help: "requests in all" },
  "longest-prompt": { type: "integer", default: 160, min: 2, help: "tokens of a prompt, at most" },
  "longest-output": { type: "integer", default: 12, min: 2, help: "output tokens, at most" },
  slots: { type: "integer", default: 16, min: 1, help: "requests at once; half as many wait" },
} satisfies Flags;

export const soakBenchmark: Command<typeof flags> = {
  name: "bench soak",
  summary: "Puts requests of mixed lengths with random aborts, and tells what they leave behind.",
  flags,
  examples: ["", "--requests 10000 --longest-prompt 600"],
  async run({ model, variant, requests, longestPrompt, longestOutput, slots }) {
    const { dir, manifest } = await ensureVariant({ model, variant: variant as typeof VARIANTS[number] });
    const before = OrtTensor.alive;
    const runner = await OrtRunner.create(dir, { slots, context: longestPrompt + longestOutput });
    const engine = new Engine({ name: model, runner, tokenizer: null, eosTokenIds: [], prefixCache: true });
    const from = performance.now();
    const { rssAfter500, largestRss, ...outcome } = await soak(engine, {
      vocabSize: runner.vocabSize,
      requests,
      longestPrompt,
      longestOutput,
    });
    const seconds = (performance.now() - from) / 1000;
    const { queued, running } = engine.stats;
    await engine.close();
    console.log(JSON.stringify({
      model: manifest.model,
      variant,
      form: manifest.form,
      requests: outcome.requests,
      aborted: outcome.aborted,
      prompt_tokens: outcome.promptTokens,
      cached_tokens: outcome.cachedTokens,
      output_tokens: outcome.outputTokens,
      seconds: Math.round(seconds),
      rss_mb_after_500: Math.round(rssAfter500 / 1e6),
      largest_rss_mb_since: Math.round(largestRss / 1e6),
      rss_growth: Number((largestRss / rssAfter500 - 1).toFixed(4)),
      slots_left_taken: running + queued,
      native_values_left: OrtTensor.alive - before,
      machine: describeMachine(),
    }));
  },
};
