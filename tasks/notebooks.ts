/** The notebooks, executed headless and rendered. */
import { resolve } from "node:path";
import { ensureEnvironment, ROOT } from "slolab/notebook/environment.ts";
import { executeNotebook } from "slolab/notebook/execute.ts";
import { listNotebooks } from "slolab/notebook/notebook.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";

const flags = {
  only: { type: "strings", help: "names, or parts of them; default: all, in order" },
  quick: { type: "boolean", help: "the project's sample and few requests: each in under 2 minutes" },
  folder: { type: "string", default: "notebooks", help: "where the notebooks are" },
  "output-dir": { type: "string", default: "results/reports", help: "where NAME.ipynb and NAME.html go" },
  "cell-timeout": { type: "number", min: 1, help: "longest that a cell may take, in seconds (default none)" },
} satisfies Flags;

await runCommand({
  name: "notebooks",
  summary: "Executes the notebooks in order and renders each to a page; fails where one has an error.",
  flags,
  examples: ["--quick", "--only 04_load", "--only 04 05 --quick --output-dir results/mine"],
  run: async ({ only, quick, folder, outputDir, cellTimeout }) => {
    const notebooks = await listNotebooks(resolve(ROOT, folder));
    const chosen = notebooks.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
    if (chosen.length === 0) {
      throw new BadInput(
        `Cannot execute ${
          only?.join(", ") ?? "notebooks"
        } as a notebook of ${folder} must have that name: they are ${
          notebooks.map((n) => n.name).join(", ") || "none"
        }`,
      );
    }
    const python = await ensureEnvironment({ print: console.log });
    const failed: string[] = [];
    for (const { name, path } of chosen) {
      const { ok, error, seconds, page } = await executeNotebook(path, {
        python,
        outDir: resolve(ROOT, outputDir),
        quick,
        cellTimeoutS: cellTimeout,
        onCell: ({ cell, of, seconds }) => {
          if (seconds >= 5) console.log(`  ${name}: cell ${cell} of ${of} (${seconds.toFixed(1)}s)`);
        },
      });
      console.log(`${name}: ${ok ? "ok" : `FAILED at ${error}`} (${seconds.toFixed(1)}s) ${page}`);
      if (!ok) failed.push(name);
    }
    if (failed.length) {
      throw new Error(
        `Cannot call ${failed.join(", ")} a success as no cell may fail: see the pages in ${outputDir}`,
      );
    }
  },
});
