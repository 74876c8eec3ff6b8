/** `deno task bench lm-eval`: whether `--protocol lm-eval` and lm-evaluation-harness itself come to the same. */
import { join } from "node:path";
import { lmEvalAgreement, type LmEvalSample } from "slolab/eval/lm_eval_agreement.ts";
import { readPredictions } from "slolab/eval/mod.ts";
import type { Command, Flags } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { readJsonl } from "slolab/std/files.ts";

const flags = {
  samples: { type: "string", help: "the folder that lm_eval's --output_path --log_samples left" },
  predictions: { type: "string", help: "predictions.jsonl of deno task evaluate --protocol lm-eval" },
} satisfies Flags;

export const lmEvalBenchmark: Command<typeof flags> = {
  name: "bench lm-eval",
  summary: "Compares the samples that lm-evaluation-harness logged with predictions; prints one JSON line.",
  flags,
  examples: ["--samples OUT --predictions results/evaluate_med/predictions.jsonl"],
  async run({ samples: dir, predictions }) {
    if (dir === undefined || predictions === undefined) {
      throw new BadInput("Cannot compare as both must be given: --samples and --predictions");
    }
    const samples: LmEvalSample[] = [];
    for (const path of await samplePaths(dir)) {
      samples.push(...await readJsonl(path) as unknown as LmEvalSample[]);
    }
    console.log(JSON.stringify(lmEvalAgreement(samples, await readPredictions(predictions))));
  },
};

/** @throws {BadInput} where there are none. */
async function samplePaths(dir: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) paths.push(...await samplePaths(join(dir, name)).catch(() => []));
    else if (isFile && /^samples_.*\.jsonl$/.test(name)) paths.push(join(dir, name));
  }
  if (paths.length === 0) {
    throw new BadInput(
      `Cannot read ${dir} as it must hold samples_*.jsonl of lm_eval --log_samples: it has none`,
    );
  }
  return paths;
}
