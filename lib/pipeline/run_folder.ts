/**
 * The folder of a run: never overwritten, and resumed only by the run that began it.
 *
 * `run.json` is written first, with everything needed to repeat the run; `status` turns from `running` to
 * `complete` at the end.
 */
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeJson } from "../std/files.ts";
import { requireSameSettings, type Settings } from "../std/settings.ts";

export interface RunDocument {
  status: "running" | "complete";
  fingerprint: Settings;
  /** Wall-clock instants (ISO) of the first start and of each resumption. */
  started_at: string[];
  [key: string]: unknown;
}

/**
 * Says at once, before anything is loaded, where a run cannot use its folder.
 * @throws {BadInput} where the folder is a file, or there is nothing to resume.
 */
export async function checkRunFolder(dir: string, resume: boolean): Promise<void> {
  if (await exists(dir) && !(await Deno.stat(dir)).isDirectory) {
    throw new BadInput(`Cannot use ${dir} as the output folder as it must be a folder: it is a file`);
  }
  if (resume && !await exists(join(dir, "run.json"))) {
    throw new BadInput(
      `Cannot resume ${dir} as it must hold a run.json: there is none (leave out --resume to begin)`,
    );
  }
}

/**
 * Makes the folder of a run ready: a folder with results is renamed `<name>.<n>`, or taken up again with `resume`.
 * @returns the earlier run's document when resuming, else null
 * @throws {BadInput} as `checkRunFolder` does, and where other settings began the run.
 */
export async function openRunFolder(
  dir: string,
  resume: boolean,
  fingerprint: Settings,
): Promise<RunDocument | null> {
  await checkRunFolder(dir, resume);
  if (resume) {
    const earlier = await readJson<RunDocument>(join(dir, "run.json"));
    requireSameSettings(dir, earlier.fingerprint, fingerprint);
    return earlier;
  }
  await Deno.mkdir(dir, { recursive: true });
  if (!Deno.readDirSync(dir)[Symbol.iterator]().next().done) {
    let n = 1;
    while (await exists(`${dir}.${n}`)) n++;
    await Deno.rename(dir, `${dir}.${n}`);
    await Deno.mkdir(dir);
  }
  return null;
}

/** Writes `run.json`. */
export function saveRun(dir: string, run: RunDocument): Promise<void> {
  return writeJson(join(dir, "run.json"), run);
}
