/** Makes the HTML report of a run folder. */
import { join } from "node:path";
import { BadInput } from "slolab/std/errors.ts";
import { runCommand } from "slolab/std/cli.ts";
import { exists } from "slolab/std/files.ts";
import { writeCharts, writeHtmlReport, writeStudyCharts, writeStudyReport } from "slolab/report/mod.ts";

if (import.meta.main) {
  await runCommand({
    name: "report",
    summary: "Makes report.html, one self-contained page, from the files of a run or of a study.",
    flags: { charts: { type: "boolean", help: "also write each chart as RUN_DIR/charts/NAME.svg" } },
    positionals: ["RUN_DIR"],
    examples: ["results/baseline_med", "results/study", "results/baseline_med --charts"],
    run: async ({ charts }, [runDir]) => {
      if (runDir === undefined) {
        throw new BadInput(
          "Cannot make a report as it needs the folder of a run: try deno task report results/baseline_med",
        );
      }
      if (await exists(join(runDir, "study.json"))) {
        console.log(await writeStudyReport(runDir));
        if (charts) { for (const path of await writeStudyCharts(runDir)) console.log(path); }
        return;
      }
      console.log(await writeHtmlReport(runDir));
      if (charts) { for (const path of await writeCharts(runDir)) console.log(path); }
    },
  });
}
