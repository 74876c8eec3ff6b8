/** For tests alone: Python packages to compare with, each set in a virtual environment of its own, kept in the cache. */
import { join } from "node:path";
import { exists, sha256, slolabCacheDir } from "./files.ts";

/**
 * Gives the Python of an environment with exactly these packages, making it where it is not there yet.
 * @param requirements `name==version` each; what they depend on comes along
 * @param bare the same, without what they depend on
 * @returns the interpreter's path, or null, after a line that says why, where Python or pip can't make it
 */
export async function pythonVenv(
  requirements: readonly string[],
  bare: readonly string[] = [],
): Promise<string | null> {
  const all = [...requirements, ...bare];
  const unpinned = all.find((r) => !/^[\w.-]+(\[[\w,-]+\])?==[\w.]+$/.test(r));
  if (unpinned) throw new TypeError(`Cannot install ${unpinned} as it must be pinned: name==version`);
  const folder = join(
    slolabCacheDir(),
    "test-venvs",
    sha256(all.toSorted().join("\n")).slice(0, 12),
  );
  const python = Deno.build.os === "windows"
    ? join(folder, "Scripts", "python.exe")
    : join(folder, "bin", "python");
  const done = join(folder, "requirements.txt"); // written last: a half-made environment is made anew
  if (await exists(done)) return python;
  try {
    const [system] = Deno.build.os === "windows" ? ["python"] : ["python3"];
    await run(system, ["-m", "venv", "--clear", folder]);
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    await run(python, [...install, ...requirements]);
    if (bare.length) await run(python, [...install, "--no-deps", ...bare]);
    await Deno.writeTextFile(done, all.join("\n") + "\n");
    return python;
  } catch (thrown) {
    console.log(
      `no Python with ${all.join(", ")}: ${thrown instanceof Error ? thrown.message : thrown}`,
    );
    return null;
  }
}

/**
 * Runs a Python script.
 * @returns what it prints
 * @throws {Error} with the last line of its stderr where it fails.
 */
export async function runPython(python: string, script: string, ...args: string[]): Promise<string> {
  return await run(python, ["-c", script, ...args]);
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(errors.trim().split("\n").at(-1));
  return text;
}
