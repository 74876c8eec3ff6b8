/** Two runs side by side. */
import { DEFAULT_THRESHOLDS } from "slolab/metrics/mod.ts";
import { compareRuns, comparisonPage, comparisonText } from "slolab/report/comparison/mod.ts";
import { BadInput } from "slolab/std/errors.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { writeAtomic } from "slolab/std/files.ts";

const flags = {
  threshold: {
    type: "number",
    min: 0,
    default: 100 * DEFAULT_THRESHOLDS.relative,
    help: "smaller changes of latency, throughput and goodput are no regression, in percent",
  },
  "threshold-points": {
    type: "number",
    min: 0,
    default: 100 * DEFAULT_THRESHOLDS.share,
    help: "the same for attainment and accuracy, in percentage points",
  },
  html: { type: "string", help: "write a page that opens from disk to this path" },
  json: { type: "boolean", help: "print the result as JSON and nothing else" },
  "fail-on-regression": { type: "boolean", help: "exit with 1 where B is worse in a figure" },
} satisfies Flags;

await runCommand({
  name: "compare",
  summary:
    "Compares two run folders: latency, throughput, SLO attainment and accuracy with 95% intervals, answers that " +
    "flipped, settings that differ. B is judged against A.",
  flags,
  positionals: ["A", "B"],
  examples: [
    "results/baseline_base results/baseline_med",
    "results/study/base results/study/cheap --html results/study/cheap_against_base.html",
    "results/before results/after --threshold 10 --fail-on-regression --json",
  ],
  run: async (o, [a, b]) => {
    if (a === undefined || b === undefined) {
      throw new BadInput(
        "Cannot compare runs as two folders are needed: try deno task compare results/baseline_base results/baseline_med",
      );
    }
    const comparison = await compareRuns(a, b, {
      relative: o.threshold / 100,
      share: o.thresholdPoints / 100,
    });
    if (o.html !== undefined) await writeAtomic(o.html, await comparisonPage(comparison));
    console.log(o.json ? JSON.stringify(comparison, null, 2) : comparisonText(comparison));
    if (o.html !== undefined && !o.json) console.log(`Page: ${o.html}`);
    if (o.failOnRegression && comparison.regressions.length > 0) Deno.exit(1);
  },
});
