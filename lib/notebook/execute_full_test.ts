import assert from "node:assert/strict";
import { join } from "node:path";
import { writeJson } from "../std/files.ts";
import { inTemp, needsTest } from "../std/test_support.ts";
import { ENVIRONMENT, interpreterOf, isReady } from "./environment.ts";
import { executeNotebook, type ExecuteOptions } from "./execute.ts";
import { type NotebookOutput, readNotebook, textOf } from "./notebook.ts";

const LACKING = await isReady() ? null : "no JupyterLab in .venv (deno task lab --setup-only)";

/** Executes a notebook of these code cells; gives how it went and each cell's outputs. */
async function execute(dir: string, sources: string[], options: Partial<ExecuteOptions> = {}) {
  const path = join(dir, "tried.ipynb");
  await writeJson(path, {
    cells: sources.map((source, i) => ({
      cell_type: "code",
      id: `cell-${i}`,
      source,
      outputs: [],
      execution_count: null,
      metadata: {},
    })),
    metadata: { kernelspec: { name: "deno", display_name: "Deno", language: "typescript" } },
    nbformat: 4,
    nbformat_minor: 5,
  });
  const python = interpreterOf(ENVIRONMENT);
  const execution = await executeNotebook(path, { python, outDir: join(dir, "out"), ...options });
  const { cells } = await readNotebook(execution.notebook);
  const page = await Deno.readTextFile(execution.page);
  return { ...execution, page, cells, outputs: cells.map((c) => c.outputs ?? []) };
}

const textsOf = (outputs: readonly NotebookOutput[]) =>
  outputs.map((o) => textOf((o.text ?? o.data?.["text/plain"] ?? "") as string));

needsTest(
  "no output is lost over a notebook with 200 outputs, run after run",
  LACKING,
  () =>
    inTemp(async (dir) => {
      // Each cell: a line, a display that is awaited, one that is not, a line from a timer, and its value.
      const sources = Array.from({ length: 40 }, (_, i) =>
        [
          `console.log("line ${i}");`,
          `await Deno.jupyter.broadcast("display_data", { data: { "text/plain": "shown ${i}" }, metadata: {} });`,
          `Deno.jupyter.broadcast("display_data", { data: { "text/plain": "late ${i}" }, metadata: {} });`,
          `setTimeout(console.error, 20, "timer ${i}");`,
          `"value ${i}"`,
        ].join("\n"));
      for (let run = 0; run < 3; run++) {
        const { ok, error, outputs, page } = await execute(dir, sources);
        assert.deepEqual([ok, error], [true, null]);
        let count = 0;
        for (const [i, own] of outputs.entries()) {
          const texts = textsOf(own);
          for (const wanted of [`line ${i}`, `shown ${i}`, `late ${i}`, `timer ${i}`, `value ${i}`]) {
            assert.equal(
              texts.filter((t) => t.match(/\w+ \d+/)?.[0] === wanted).length,
              1,
              `${wanted}: ${texts}`,
            );
            count++;
          }
          assert.equal(own.length, 5);
        }
        assert.equal(count, 200);
        for (const last of ["line 39", "shown 39", "late 39", "timer 39", "value 39"]) {
          assert.ok(page.includes(last));
        }
      }
    }),
);

needsTest(
  "a notebook that fails is a failure, and what ran before is kept",
  LACKING,
  () =>
    inTemp(async (dir) => {
      const { ok, error, cells, outputs, page } = await execute(dir, [
        'console.log("before")',
        'throw new RangeError("on purpose")',
        'console.log("after")',
      ]);
      assert.equal(ok, false);
      assert.equal(error, "code cell 2: RangeError: on purpose");
      assert.deepEqual(textsOf(outputs[0]), ["before\n"]);
      assert.equal(outputs[1][0].output_type, "error");
      assert.deepEqual(outputs[2], []);
      assert.deepEqual(cells.map((c) => c.execution_count), [1, 2, null]);
      assert.ok(page.includes("before") && page.includes("on purpose"));
    }),
);

const FALSE_GREENS: [name: string, cells: string[], error: RegExp][] = [
  ["a rejection that nothing awaits", ['Promise.reject(new Error("lost"));'], /Unhandled rejection: lost/],
  ["one of a cell that is over", [
    '(async () => { await new Promise((r) => setTimeout(r, 50)); throw new Error("later"); })();',
    "await new Promise((r) => setTimeout(r, 200));",
  ], /Unhandled rejection: later/],
  [
    "an exception in a timer",
    ['setTimeout(() => { throw new Error("tick"); }, 20);'],
    /Uncaught exception: tick/,
  ],
  [
    "an error while displaying",
    ['({ [Symbol.for("Jupyter.display")]() { throw new Error("no view"); } })'],
    /Error: no view/,
  ],
  ["a failed Deno.test", ['Deno.test("x", () => { throw new Error("red"); });'], /Cannot use Deno\.test/],
  [
    "an assertion",
    ['import assert from "node:assert/strict";', "assert.equal(1, 2);"],
    /code cell 2: AssertionError/,
  ],
  ["import.meta", ["import.meta.url"], /SyntaxError/],
  ["a question to nobody", ['prompt("who?")'], /Cannot use prompt/],
  ["a kernel that ends", ["Deno.exit(0);"], /code cell 1: Kernel died/],
];

for (const [name, cells, error] of FALSE_GREENS) {
  needsTest(`a notebook fails by ${name}`, LACKING, () =>
    inTemp(async (dir) => {
      const execution = await execute(dir, cells);
      assert.equal(execution.ok, false);
      assert.match(execution.error!, error);
    }));
}

needsTest(
  "a cell over its time limit is a failure, and what it wrote is kept",
  LACKING,
  () =>
    inTemp(async (dir) => {
      const sources = ['console.log("begun"); await new Promise((r) => setTimeout(r, 60_000));'];
      const { ok, error, outputs } = await execute(dir, sources, { cellTimeoutS: 2 });
      assert.equal(ok, false);
      assert.match(error!, /code cell 1: took longer than 2/);
      assert.deepEqual(textsOf(outputs[0]), ["begun\n"]);
    }),
);

needsTest(
  "a notebook that is stopped takes its kernel with it, and keeps what it wrote",
  LACKING,
  () =>
    inTemp(async (dir) => {
      const stop = new AbortController();
      const { ok, error, outputs } = await execute(dir, [
        "console.log(Deno.pid)",
        "await new Promise((r) => setTimeout(r, 60_000));",
      ], { signal: stop.signal, onCell: () => setTimeout(() => stop.abort(), 500) });
      assert.deepEqual([ok, error], [false, "it was interrupted"]);
      const pid = Number(textsOf(outputs[0])[0]);
      assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
    }),
);

needsTest(
  "the kernel is this Deno, in the notebook's folder, with the variables that it is given",
  LACKING,
  () =>
    inTemp(async (dir) => {
      const cells: string[] = [];
      const source =
        'console.log(Deno.cwd(), Deno.execPath(), Deno.env.get("SLOLAB_QUICK"), Deno.env.get("MINE"))';
      const { ok, outputs } = await execute(dir, [source], {
        quick: true,
        env: { MINE: "yes" },
        onCell: ({ cell, of }) => cells.push(`${cell}/${of}`),
      });
      assert.ok(ok);
      const folder = await Deno.realPath(dir);
      assert.deepEqual(textsOf(outputs[0]), [`${folder} ${Deno.execPath()} 1 yes\n`]);
      assert.deepEqual(cells, ["1/1"]);
    }),
);
