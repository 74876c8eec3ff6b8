import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { inTemp } from "../std/test_support.ts";
import { ensureEnvironment, interpreterOf, isReady, kernelSpec, NOTEBOOKS } from "./environment.ts";

/** Writes a command that does what the shell script says. */
async function command(dir: string, name: string, script: string): Promise<string> {
  const path = join(dir, name);
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

const onUnix = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, ignore: Deno.build.os === "windows", fn });

Deno.test("ensureEnvironment() says that there is no Python, or only an old one", () =>
  inTemp(async (dir) => {
    const folder = join(dir, "env");
    await assert.rejects(ensureEnvironment({ folder, pythons: [join(dir, "no-such-python")] }), (thrown) => {
      assert.ok(thrown instanceof BadInput);
      assert.match(
        thrown.message,
        /as Python 3\.10 or later must be installed: there is no .*no-such-python/,
      );
      return true;
    });
    if (Deno.build.os === "windows") return;
    const old = await command(dir, "python", "echo 3.9.2");
    await assert.rejects(ensureEnvironment({ folder, pythons: [old] }), /python is 3\.9\.2$/);
  }));

onUnix(
  "ensureEnvironment() says what to install where Python has no venv, and makes nothing",
  () =>
    inTemp(async (dir) => {
      const folder = join(dir, "env");
      const python = await command(
        dir,
        "python",
        '[ "$1" = -c ] && echo 3.12.1 && exit\necho "ensurepip is not available" >&2; exit 1',
      );
      await assert.rejects(
        ensureEnvironment({ folder, pythons: [python] }),
        /must have venv and pip: 'ensurepip is not available' \(on Debian: apt-get install python3-venv\)/,
      );
      assert.equal(await isReady(folder), false);
    }),
);

onUnix(
  "ensureEnvironment() goes on with what a broken attempt left, and a second call finds all there",
  () =>
    inTemp(async (dir) => {
      const folder = join(dir, "env");
      // A Python whose environments hold an interpreter that logs what it is asked for; pip fails the first time.
      const inner = `echo "$@" >> ${dir}/log\\n[ -e ${dir}/online ] || { echo no index >&2; exit 1; }`;
      const python = await command(
        dir,
        "python",
        `[ "$1" = -c ] && echo 3.10.0 && exit\nfor last; do :; done\nmkdir -p "$last/bin"\n` +
          `printf '#!/bin/sh\\n${inner}\\n' > "$last/bin/python"; chmod +x "$last/bin/python"`,
      );
      const options = { folder, pythons: [python] };
      await assert.rejects(ensureEnvironment(options), /as pip must reach a package index: 'no index'/);
      assert.equal(await isReady(folder), false);
      await Deno.writeTextFile(join(dir, "online"), "");
      const lines: string[] = [];
      assert.equal(
        await ensureEnvironment({ ...options, print: (line) => lines.push(line) }),
        interpreterOf(folder),
      );
      assert.deepEqual(lines.map((line) => line.split(":")[0]), [
        "Python",
        "Environment",
        "Packages",
        "Deno kernel",
      ]);
      assert.match(lines[3], /^Deno kernel: registered in .*env/);
      const asked = (await Deno.readTextFile(join(dir, "log"))).trim().split("\n");
      assert.deepEqual(asked, [asked[0], asked[0]]);
      assert.ok(asked[0].endsWith(`-r ${join(NOTEBOOKS, "requirements.txt")}`));
      assert.deepEqual(
        await readJson(join(folder, "share", "jupyter", "kernels", "deno", "kernel.json")),
        kernelSpec(),
      );
      lines.length = 0;
      await ensureEnvironment({ folder, pythons: [], print: (line) => lines.push(line) });
      assert.match(lines.join("\n"), /^Environment: there, .*jupyterlab==.*\nDeno kernel: there/);
      await Deno.remove(interpreterOf(folder));
      assert.equal(await isReady(folder), false, "an environment whose Python went away");
    }),
);

Deno.test("the requirements are pinned exactly", async () => {
  const lines = (await Deno.readTextFile(join(NOTEBOOKS, "requirements.txt"))).trim().split("\n");
  for (const line of lines) assert.match(line, /^[a-z]+==\d+(\.\d+)+$/);
  assert.deepEqual(lines.map((line) => line.split("==")[0]), ["jupyterlab", "nbclient", "nbconvert"]);
});
