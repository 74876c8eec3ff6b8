/** Makes data/processed from MMLU and GSM8K. */
import { type Gsm8kSplit, loadOrBuild, SPLIT_SEED, SPLITS } from "slolab/data/mod.ts";
import { TEMPLATE_VERSIONS } from "slolab/prompts/mod.ts";
import { runCommand } from "slolab/std/cli.ts";
import { setQuiet } from "slolab/std/progress.ts";

const GSM8K_SPLITS: readonly Gsm8kSplit[] = ["test", "train"];

await runCommand({
  name: "preprocess",
  summary: "Downloads MMLU and GSM8K, counts tokens, and splits the questions into train, val and test.",
  flags: {
    "raw-dir": { type: "string", help: "a folder with mmlu/ and gsm8k/, read instead of the hub" },
    "output-dir": { type: "string", help: "where the files go (default data/processed)" },
    "gsm8k-splits": {
      type: "strings",
      choices: GSM8K_SPLITS,
      default: ["test"],
      help: "splits of GSM8K to ask; with train, a tenth of it is kept for few-shot prompts",
    },
    seed: { type: "integer", default: SPLIT_SEED, help: "seed of the split" },
    json: { type: "boolean", help: "print the manifest instead of the table" },
  },
  examples: ["", "--gsm8k-splits test,train", "--raw-dir data/raw --output-dir /tmp/processed"],
  run: async ({ rawDir, outputDir, gsm8kSplits, seed, json }) => {
    setQuiet(json);
    const startedAt = performance.now();
    const { manifest, isSample, dir } = await loadOrBuild({
      rawDir,
      outputDir,
      seed,
      gsm8kSplits: GSM8K_SPLITS.filter((split) => gsm8kSplits.includes(split)),
      preprocess: true,
      templateVersions: TEMPLATE_VERSIONS,
    });
    if (json) {
      console.log(JSON.stringify(manifest, null, 2));
      return;
    }
    const row = (cells: (string | number)[]) => cells.map((c) => String(c).padStart(12)).join("");
    console.log(row(["", ...SPLITS, "total", "few-shot", "duplicates"]));
    for (const [name, counts] of Object.entries(manifest.counts)) {
      const splits = SPLITS.map((split) => counts[split]);
      console.log(row([name, ...splits, counts.total, counts.few_shot, counts.duplicates]));
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(
      `${isSample ? "The sample, not the benchmarks, was written" : "Written"} to ${dir} in ${seconds} s`,
    );
  },
});
