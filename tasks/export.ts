/** Writes the levels of a run in the format of another benchmark. */
import { EXPORT_FORMATS, type ExportFormat, exportRun } from "slolab/metrics/mod.ts";
import { BadInput } from "slolab/std/errors.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";

const flags = {
  format: { type: "string", choices: EXPORT_FORMATS, help: "whose files they are to be" },
} satisfies Flags;

await runCommand({
  name: "export",
  summary:
    "Writes each level of a run folder as the result file of `vllm bench serve` (vllm_NAME.json) or of AIPerf " +
    "(aiperf_NAME/profile_export.jsonl), with that tool's definitions.",
  flags,
  positionals: ["RUN_DIR"],
  examples: ["results/baseline_med --format vllm", "results/baseline_med --format aiperf"],
  run: async ({ format }, [runDir]) => {
    if (runDir === undefined || format === undefined) {
      throw new BadInput(
        "Cannot export a run as it needs a folder and a format: try deno task export results/baseline_med --format vllm",
      );
    }
    for (const path of await exportRun(runDir, format as ExportFormat)) console.log(path);
  },
});
