/** What the builder writes, read by the package that defines the format. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { openCheckpoint } from "../checkpoint/open.ts";
import { TINY_MODELS } from "../checkpoint/testing/golden.ts";
import { pythonVenv, runPython } from "../std/test_python.ts";
import { inTemp, needsTest, SHARED } from "../std/test_support.ts";
import { addForm, buildVariant, graphFile } from "./build.ts";

const CHECK = `
import onnx, sys
for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    print(path, len(model.graph.node), sum(len(t.raw_data) for t in model.graph.initializer))
`;
/** Lines of CHECK: path, nodes, bytes of all weights. */
const LINE = /^.* (\d+) (\d+)$/;

const python = await pythonVenv(["onnx==1.23.2", "numpy==2.2.6"]);
const lacking = python === null
  ? "Python with onnx is not there"
  : SHARED === null
  ? "../shared is not beside the repository"
  : null;

for (const name of TINY_MODELS) {
  needsTest(
    `onnx.checker accepts ${name} in every variant, for the CPU and for CUDA`,
    lacking,
    () =>
      inTemp(async (dir) => {
        const folder = join(SHARED!, "tiny", name);
        const checkpoint = await openCheckpoint(folder);
        const paths: string[] = [];
        try {
          for (const variant of ["fp32", "base", "med", "cheap"] as const) {
            const outDir = join(dir, variant);
            const source = { kind: "path", location: folder, revision: null, sha256: "" } as const;
            await buildVariant(checkpoint, { model: name, variant, outDir, source });
            await addForm(checkpoint, outDir, { form: "fp16", codes: "int8" });
            paths.push(join(outDir, "model.onnx"), join(outDir, graphFile("fp16", "int8")));
          }
        } finally {
          checkpoint.close();
        }
        const lines = (await runPython(python!, CHECK, ...paths)).trim().split("\n");
        assert.equal(lines.length, paths.length);
        for (const [i, line] of lines.entries()) {
          const [, nodes, bytes] = LINE.exec(line)!.map(Number);
          assert.ok(
            nodes > 10 && bytes > 0 &&
              bytes <= 2 * Deno.statSync(join(dirname(paths[i]), "model.onnx.data")).size,
            line,
          );
        }
      }),
  );
}
