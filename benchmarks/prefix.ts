/**
 * `deno task bench prefix`: how much faster a few-shot MMLU run is with the prefix cache. The questions of each
 * subject are scored with it off and on in turns, the cache empty at the beginning of each; one JSON line.
 */
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { loadOrBuild } from "slolab/data/mod.ts";
import { SingleVariantServer } from "slolab/engine/single_variant_server.ts";
import { HeldOutEvaluator } from "slolab/eval/mod.ts";
import { createRandom, sample } from "slolab/math/mod.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import { TEMPLATE_VERSIONS } from "slolab/prompts/mod.ts";
import type { Command, Flags } from "slolab/std/cli.ts";
import { setQuiet } from "slolab/std/progress.ts";
import type { Example } from "slolab/types/mod.ts";

const flags = {
  model: { type: "string", default: DEFAULT_MODEL, help: "catalogue name, hub id or path" },
  variant: { type: "string", default: "med", choices: VARIANTS, help: "how the weights are stored" },
  shots: { type: "integer", default: 5, min: 1, help: "solved examples before each question" },
  subjects: { type: "integer", default: 4, min: 1, help: "subjects, drawn at random" },
  questions: {
    type: "integer",
    default: 32,
    min: 1,
    help: "questions of each subject (MMLU's test split has 246)",
  },
  seed: { type: "integer", default: 0, help: "draws the subjects and the questions" },
  "data-dir": { type: "string", help: "the processed data (default data/processed)" },
} satisfies Flags;

export const prefixBenchmark: Command<typeof flags> = {
  name: "bench prefix",
  summary: "Measures a few-shot MMLU run with the prefix cache off and on.",
  flags,
  examples: ["", "--model Qwen/Qwen2.5-0.5B-Instruct --subjects 5"],
  async run({ model, variant, shots, subjects, questions, seed, dataDir }) {
    const data = await loadOrBuild({ templateVersions: TEMPLATE_VERSIONS, outputDir: dataDir });
    const random = createRandom(seed);
    const tests = Map.groupBy(data.test.filter((e) => e.dataset === "mmlu"), (e) => e.subject);
    const able = [...tests.keys()].filter((s) => (data.fewShot.mmlu.get(s)?.length ?? 0) >= shots).sort();
    const drawn = sample(able, Math.min(subjects, able.length), random);

    await using server = new SingleVariantServer({ model, variant: variant as typeof VARIANTS[number] });
    const { engine, manifest } = await server.start();
    setQuiet(true);
    const score = async (asked: Example[], subject: string, on: boolean) => {
      engine.prefixCache = false; // forgets what came before
      engine.prefixCache = on;
      const evaluator = new HeldOutEvaluator(engine, asked, {
        fewShot: { pool: { mmlu: data.fewShot.mmlu.get(subject)!, gsm8k: [] }, shots },
        concurrency: engine.stats.slots,
        hasChatTemplate: engine.tokenizer?.hasChatTemplate ?? false,
        onProgress() {},
      });
      const from = performance.now();
      await evaluator.evaluate();
      const failed = evaluator.predictions.find((p) => p.error !== null);
      if (failed) {
        throw new Error(`Cannot time the questions as each must be scored: ${failed.error!.message}`);
      }
      return {
        seconds: (performance.now() - from) / 1000,
        predictions: JSON.stringify(evaluator.predictions),
      };
    };
    const turns: { subject: string; questions: number; off: number; on: number }[] = [];
    for (const subject of drawn) {
      const asked = sample(tests.get(subject)!, Math.min(questions, tests.get(subject)!.length), random);
      const off = await score(asked, subject, false), on = await score(asked, subject, true);
      if (off.predictions !== on.predictions) {
        throw new Error(
          `Cannot compare the runs as their predictions must be equal: they differ in ${subject}`,
        );
      }
      turns.push({ subject, questions: asked.length, off: off.seconds, on: on.seconds });
      console.error(
        `${subject}: ${asked.length} questions, ${off.seconds.toFixed(1)} s off, ${
          on.seconds.toFixed(1)
        } s on`,
      );
    }
    const sum = (of: (turn: typeof turns[number]) => number) =>
      turns.reduce((total, turn) => total + of(turn), 0);
    const rounded = (value: number) => Number(value.toFixed(2));
    const ratios = turns.map((turn) => turn.off / turn.on);
    const { prefixQueriedTokens, prefixCachedTokens } = engine.stats;
    console.log(JSON.stringify({
      model: manifest.model,
      variant,
      form: manifest.form,
      shots,
      subjects: drawn,
      questions: sum((turn) => turn.questions),
      data_source: data.isSample ? "sample" : "benchmarks",
      prompt_tokens: prefixQueriedTokens,
      cached_tokens: prefixCachedTokens,
      seconds_off: rounded(sum((turn) => turn.off)),
      seconds_on: rounded(sum((turn) => turn.on)),
      times_faster: rounded(sum((turn) => turn.off) / sum((turn) => turn.on)),
      times_faster_of_subjects: { min: rounded(Math.min(...ratios)), max: rounded(Math.max(...ratios)) },
      machine: describeMachine(),
    }));
  },
};
