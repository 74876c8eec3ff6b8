/** The variants of a model side by side. */
import { VARIANTS } from "slolab/compress/variant.ts";
import { runStudy } from "slolab/pipeline/study.ts";
import { writeStudyCharts } from "slolab/report/mod.ts";
import { studyTable } from "slolab/report/study.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";
import { SETTINGS_FLAGS, settingsOf } from "./settings.ts";

const flags = {
  variants: {
    type: "strings",
    choices: VARIANTS,
    default: VARIANTS,
    help: "the first is what the others are compared with",
  },
  ...SETTINGS_FLAGS,
  "output-dir": {
    type: "string",
    default: "results/study",
    help: "one folder a variant; a broken study goes on",
  },
} satisfies Flags;

await runCommand({
  name: "study",
  summary:
    "Compares the variants of a model in accuracy, flips, speed and bytes; goes on where it was stopped.",
  flags,
  examples: [
    "--model qwen2.5-coder-1.5b-instruct --output-dir results/study_qwen",
    "--variants base,cheap --mmlu-questions 600 --gsm8k-questions 200",
  ],
  run: async (o) => {
    setQuiet(o.json);
    using interrupt = onInterrupt("Stopped: the same command goes on with the rest");
    const study = await runStudy(
      VARIANTS.filter((v) => o.variants.includes(v)),
      settingsOf(o, {
        preset: "study",
        concurrencies: [1, 8],
        numRequests: 16,
        loadMaxTokens: 128,
        mmluLimit: 150,
        gsm8kLimit: 60,
        mmluMethod: "loglikelihood",
      }),
      {
        outputDir: o.outputDir,
        preprocess: o.preprocess,
        rawDir: o.rawDir,
        dataDir: o.dataDir,
        command: ["deno task study", ...Deno.args].join(" "),
        print: o.json ? () => {} : console.log,
        signal: interrupt.signal,
      },
    );
    if (o.charts) await writeStudyCharts(o.outputDir);
    console.log(o.json ? JSON.stringify(study, null, 2) : studyTable(study));
  },
});
