/** The variants of a model side by side. */
import { type VariantName, VARIANTS } from "slolab/compress/variant.ts";
import { runStudy } from "slolab/pipeline/study.ts";
import { writeStudyCharts } from "slolab/report/mod.ts";
import { studyTable } from "slolab/report/study.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";
import { commandOf, ENDPOINT_FLAGS, endpointsOf, SETTINGS_FLAGS, settingsOf } from "./settings.ts";

const flags = {
  variants: {
    type: "strings",
    choices: VARIANTS,
    help: `the first is what the others are compared with (default: ${
      VARIANTS.join(" ")
    }, or those of --endpoints)`,
  },
  ...SETTINGS_FLAGS,
  ...ENDPOINT_FLAGS,
  form: { ...SETTINGS_FLAGS.form, default: "blocks" },
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
    "--endpoints deploy/endpoints.json --concurrencies 1 16 64 --num-requests 500",
  ],
  run: async (o) => {
    setQuiet(o.json);
    using interrupt = onInterrupt("Stopped: the same command goes on with the rest");
    const endpoints = await endpointsOf(o);
    const without = o.variants?.find((v) => endpoints && !endpoints.has(v as VariantName));
    if (without !== undefined) {
      throw new BadInput(`Cannot drive ${without} as ${o.endpoints} must name its endpoint: it does not`);
    }
    const study = await runStudy(
      VARIANTS.filter((v) => o.variants?.includes(v) ?? endpoints?.has(v) ?? true),
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
        command: commandOf("study", Deno.args),
        endpoints,
        print: o.json ? () => {} : console.log,
        signal: interrupt.signal,
      },
    );
    if (o.charts) await writeStudyCharts(o.outputDir);
    console.log(o.json ? JSON.stringify(study, null, 2) : studyTable(study));
  },
});
