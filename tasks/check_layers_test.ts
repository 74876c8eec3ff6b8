import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { ROOT } from "slolab/std/test_support.ts";
import { violations } from "./check_layers.ts";

const url = (path: string) => pathToFileURL(join(ROOT, path)).href;
const module = (from: string, to: string) => ({
  specifier: url(from),
  dependencies: [{
    specifier: to,
    code: { specifier: to.includes("/") && !to.startsWith("npm:") ? url(to) : to },
  }],
});

Deno.test("violations() names an upward import, ONNX Runtime outside the engine, and an import out of lib", () => {
  assert.deepEqual(
    violations([module("lib/math/a.ts", "lib/types/mod.ts"), module("lib/math/a.ts", "lib/math/b.ts")]),
    [],
  );
  assert.match(violations([module("lib/math/a.ts", "lib/data/b.ts")])[0], /math may not import data/);
  assert.match(violations([module("lib/load/a.ts", "onnxruntime-node")])[0], /only lib\/engine/);
  assert.match(violations([module("lib/load/a.ts", "tasks/b.ts")])[0], /nothing outside lib/);
  assert.match(violations([module("lib/other/a.ts", "lib/std/b.ts")])[0], /not a layer/);
});
