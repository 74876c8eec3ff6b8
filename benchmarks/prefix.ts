/**
 * How much faster a few-shot MMLU run is with the prefix cache: the same questions of some subjects are scored
 * with it off and on in turns, and one JSON line holds the medians over rounds.
 */
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { loadOrBuild } from "slolab/data/mod.ts";
import { SingleVariantServer } from "slolab/engine/single_variant_server.ts";
import { HeldOutEvaluator } from "slolab/eval/mod.ts";
import { createRandom, median, sample } from "slolab/math/mod.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import { TEMPLATE_VERSIONS } from "slolab/prompts/mod.ts";
import type { Command, Flags } from "slolab/std/cli.ts";
import { setQuiet } from "slolab/std/progress.ts";

const flags = {
  model: { type: "string", default: DEFAULT_MODEL, help: "catalogue name, hub id or path" },
  variant: { type: "string", default: "med", choices: VARIANTS, help: "how the weights are stored" },
  shots: { type: "integer", default: 5, min: 1, help: "solved examples before each question" },
  subjects: { type: "integer", default: 3, min: 1, help: "subjects, drawn at random" },
  questions: {
    type: "integer",
    default: 32,
    min: 1,
    help: "questions of each subject (MMLU's test split has 246)",
  },
  rounds: { type: "integer", default: 3, min: 1, help: "rounds; medians are printed" },
  seed: { type: "integer", default: 0, help: "draws the subjects and the questions" },
  "data-dir": { type: "string", help: "the processed data (default data/processed)" },
} satisfies Flags;

export const prefixBenchmark: Command<typeof flags> = {
  name: "bench prefix",
  summary: "Measures a few-shot MMLU run with the prefix cache off and on.",
  flags,
  examples: ["", "--model Qwen/Qwen2.5-0.5B-Instruct --subjects 5"],
  async run({ model, variant, shots, subjects, questions, rounds, seed, dataDir }) {
    const data = await loadOrBuild({ templateVersions: TEMPLATE_VERSIONS, outputDir: dataDir });
    const random = createRandom(seed);
    const tests = Map.groupBy(data.test.filter((e) => e.dataset === "mmlu"), (e) => e.subject);
    const able = [...tests.keys()].filter((s) => (data.fewShot.mmlu.get(s)?.length ?? 0) >= shots).sort();
    const drawn = sample(able, Math.min(subjects, able.length), random);
    const asked = drawn.flatMap((s) =>
      sample(tests.get(s)!, Math.min(questions, tests.get(s)!.length), random)
    );
    const pool = { mmlu: drawn.flatMap((s) => data.fewShot.mmlu.get(s)!), gsm8k: [] };

    await using server = new SingleVariantServer({ model, variant: variant as typeof VARIANTS[number] });
    const { engine, manifest } = await server.start();
    setQuiet(true);
    const run = async (on: boolean) => {
      engine.prefixCache = false; // forgets the round before
      engine.prefixCache = on;
      const before = engine.stats;
      const evaluator = new HeldOutEvaluator(engine, asked, {
        fewShot: { pool, shots },
        concurrency: before.slots,
        hasChatTemplate: engine.tokenizer?.hasChatTemplate ?? false,
        onProgress() {},
      });
      const from = performance.now();
      await evaluator.evaluate();
      const { prefixQueriedTokens, prefixCachedTokens } = engine.stats;
      return {
        seconds: (performance.now() - from) / 1000,
        queried: prefixQueriedTokens - before.prefixQueriedTokens,
        cached: prefixCachedTokens - before.prefixCachedTokens,
        predictions: JSON.stringify(evaluator.predictions),
      };
    };
    const pairs = [];
    for (let round = 0; round < rounds; round++) {
      const off = await run(false), on = await run(true);
      if (off.predictions !== on.predictions) {
        throw new Error("Cannot compare the runs as their predictions must be equal: they differ");
      }
      pairs.push({ off, on, ratio: off.seconds / on.seconds });
      console.error(`round ${round + 1}: ${off.seconds.toFixed(1)} s off, ${on.seconds.toFixed(1)} s on`);
    }
    const of = (values: number[]) => Number(median(values)!.toFixed(2));
    const ratios = pairs.map((p) => p.ratio);
    const { queried, cached } = pairs[0].on;
    console.log(JSON.stringify({
      model: manifest.model,
      variant,
      form: manifest.form,
      shots,
      subjects: drawn,
      questions: asked.length,
      data_source: data.isSample ? "sample" : "benchmarks",
      prompt_tokens: queried,
      cached_tokens: cached,
      seconds_off: of(pairs.map((p) => p.off.seconds)),
      seconds_on: of(pairs.map((p) => p.on.seconds)),
      times_faster: { median: of(ratios), min: of([Math.min(...ratios)]), max: of([Math.max(...ratios)]) },
      rounds,
      machine: describeMachine(),
    }));
  },
};
