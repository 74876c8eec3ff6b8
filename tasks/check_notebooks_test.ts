import assert from "node:assert/strict";
import { join } from "node:path";
import { writeJson } from "slolab/std/files.ts";
import { inTemp } from "slolab/std/test_support.ts";
import { checkNotebooks } from "./check_notebooks.ts";

/** Writes a notebook of these code cells. */
function write(dir: string, name: string, ...sources: string[]): Promise<void> {
  return writeJson(join(dir, `${name}.ipynb`), {
    cells: sources.map((source) => ({
      cell_type: "code",
      source: source.split(/(?<=\n)/),
      outputs: [],
      execution_count: null,
      metadata: {},
    })),
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  });
}

const IMPORTS =
  'import assert from "node:assert/strict";\nimport { labSettings } from "slolab/notebook/settings.ts";\n';

Deno.test("checkNotebooks() checks types over the cells of a notebook, each notebook by itself", () =>
  inTemp(async (dir) => {
    await write(dir, "a", IMPORTS + "const settings = labSettings();", "assert.ok(settings.slots > 0);");
    await write(dir, "b", IMPORTS + "const settings = labSettings();", "assert.ok(settings.quick);");
    assert.deepEqual(await checkNotebooks(dir), []);
    await write(dir, "b", IMPORTS, "const slots: string = labSettings().slots;", "assert.ok(slots);");
    const [complaint, ...others] = await checkNotebooks(dir);
    assert.match(complaint, /Type 'number' is not assignable to type 'string'/);
    assert.match(complaint, /b\.ts/);
    assert.deepEqual(others, []);
  }));

Deno.test("checkNotebooks() names the notebook that breaks a rule, and a folder without any", () =>
  inTemp(async (dir) => {
    assert.match((await checkNotebooks(dir)).join(), /holds no notebook/);
    await write(dir, "c", "console.log([1].map((x) => x));");
    const complaints = await checkNotebooks(dir);
    assert.match(complaints[0], /^c: code cell 1: no cell may define a function/);
    assert.match(complaints[1], /^c: the last code cell must assert/);
    assert.equal(complaints.length, 2);
  }));
