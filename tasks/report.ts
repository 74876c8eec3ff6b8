/** Makes the HTML report of a run folder. */
import { join } from "node:path";
import { BadInput } from "slolab/std/errors.ts";
import { runCommand } from "slolab/std/cli.ts";
import { exists, readJson } from "slolab/std/files.ts";
import {
  writeCapacitiesCharts,
  writeCapacitiesReport,
  writeCapacityCharts,
  writeCapacityReport,
  writeCharts,
  writeHtmlReport,
  writeLoadCharts,
  writeLoadReport,
  writeStudyCharts,
  writeStudyReport,
} from "slolab/report/mod.ts";

/** What writes the report and the charts of a folder, by what it holds. */
async function writersOf(dir: string) {
  if (await exists(join(dir, "study.json"))) return { report: writeStudyReport, charts: writeStudyCharts };
  if (await exists(join(dir, "capacity.json"))) {
    return { report: writeCapacityReport, charts: writeCapacityCharts };
  }
  const path = join(dir, "summary.json");
  const summary = await exists(path) ? await readJson<object>(path) : {};
  if ("level" in summary) return { report: writeLoadReport, charts: writeLoadCharts };
  if ("variants" in summary) return { report: writeCapacitiesReport, charts: writeCapacitiesCharts };
  return { report: writeHtmlReport, charts: writeCharts };
}

if (import.meta.main) {
  await runCommand({
    name: "report",
    summary:
      "Makes report.html, one self-contained page, from the files of a run, a load, a capacity search or a study.",
    flags: { charts: { type: "boolean", help: "also write each chart as RUN_DIR/charts/NAME.svg" } },
    positionals: ["RUN_DIR"],
    examples: ["results/baseline_med", "results/study", "results/baseline_med --charts"],
    run: async ({ charts }, [runDir]) => {
      if (runDir === undefined) {
        throw new BadInput(
          "Cannot make a report as it needs the folder of a run: try deno task report results/baseline_med",
        );
      }
      const write = await writersOf(runDir);
      console.log(await write.report(runDir));
      if (charts) { for (const path of await write.charts(runDir)) console.log(path); }
    },
  });
}
