import assert from "node:assert/strict";
import { brokenRules, joinCells, withoutTexts } from "./cells.ts";
import type { Notebook, NotebookCell } from "./notebook.ts";

const code = (source: string, more: Partial<NotebookCell> = {}): NotebookCell => ({
  cell_type: "code",
  source,
  outputs: [],
  execution_count: null,
  ...more,
});
const notebook = (...cells: NotebookCell[]): Notebook => ({ cells, metadata: {}, nbformat: 4 });
const ENDS = code("assert.equal(1, 1);");
const broken = (source: string) => brokenRules(notebook(code(source), ENDS));

Deno.test("brokenRules() passes thin cells, whatever their texts and comments say", () => {
  assert.deepEqual(broken("const x = await load(settings); // x => function"), []);
  assert.deepEqual(broken('console.log("a => b", `class ${x} import.meta`); /* function */'), []);
  assert.deepEqual(brokenRules(notebook(ENDS, { cell_type: "markdown", source: "f => x" })), []);
});

Deno.test("brokenRules() names the cell that defines a function or a class, also inside a template", () => {
  for (
    const source of [
      "function f() {}",
      "const f = (x) => x;",
      "xs.map((x) => x + 1)",
      "class A {}",
      "const f = async function () {};",
      "`${xs.map((x) => `${x}`)} and so on`",
    ]
  ) {
    assert.match(broken(source).join(), /^code cell 1: no cell may define a function/, source);
  }
});

Deno.test("brokenRules() names what the kernel cannot do", () => {
  assert.match(broken("import.meta.url").join(), /import\.meta/);
  assert.match(broken("Deno.stdout.writeSync(bytes)").join(), /stdout or stderr/);
  assert.match(broken('const name = prompt("who?");').join(), /stdout or stderr/);
  assert.match(broken("Deno.exit(0)").join(), /Deno\.exit/);
  assert.match(broken('Deno.test("x", check)').join(), /Deno\.test/);
});

Deno.test("brokenRules() wants no outputs, and an assertion in the last code cell", () => {
  const stream = { output_type: "stream" as const, text: "x" };
  assert.match(brokenRules(notebook(code("1", { outputs: [stream] }), ENDS)).join(), /1 cells hold outputs/);
  assert.match(brokenRules(notebook(code("1", { execution_count: 0 }), ENDS)).join(), /1 cells hold outputs/);
  const last = /the last code cell must assert/;
  assert.match(brokenRules(notebook(ENDS, code("console.log(1)"))).join(), last);
  assert.match(brokenRules(notebook(code("// assert(true)"))).join(), last);
  assert.match(brokenRules(notebook()).join(), last);
  assert.deepEqual(brokenRules(notebook(code("1"), ENDS, code(""))), []);
});

Deno.test("withoutTexts() keeps code, of templates what is computed", () => {
  assert.equal(withoutTexts('f("x\\"y", \'z\') // c\n+ /* d */ g'), "f(\"\", '') \n+  g");
  assert.equal(withoutTexts("a(`x ${b({ c: `d ${e} f` })} g`)"), "a(${b({ c: ${e} })})");
  assert.equal(withoutTexts("`${a}` + '"), "${a} + ''");
});

Deno.test("joinCells() puts the code cells behind each other and is a module", () => {
  const joined = joinCells(notebook(code("const a = 1;"), { cell_type: "markdown", source: "# x" }, ENDS));
  assert.equal(joined, "// code cell 1\nconst a = 1;\n\n// code cell 2\nassert.equal(1, 1);\n\nexport {};\n");
});
