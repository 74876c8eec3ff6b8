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
 * Makes the folder of a run ready: a folder with results is renamed `<name>.<n>`, or taken up again with `resume`.
 * @returns the earlier run's document when resuming, else null
 * @throws {BadInput} where there is nothing to resume, or other settings began it.
 */
export async function openRunFolder(
  dir: string,
  resume: boolean,
  fingerprint: Settings,
): Promise<RunDocument | null> {
  const hasRun = await exists(join(dir, "run.json"));
  if (resume) {
    if (!hasRun) {
      throw new BadInput(
        `Cannot resume ${dir} as it must hold a run.json: there is none (leave out --resume to begin)`,
      );
    }
    const earlier = await readJson<RunDocument>(join(dir, "run.json"));
    requireSameSettings(dir, earlier.fingerprint, fingerprint);
    return earlier;
  }
  if (await isFilled(dir)) {
    let n = 1;
    while (await exists(`${dir}.${n}`)) n++;
    await Deno.rename(dir, `${dir}.${n}`);
  }
  await Deno.mkdir(dir, { recursive: true });
  return null;
}

/** Writes `run.json`. */
export function saveRun(dir: string, run: RunDocument): Promise<void> {
  return writeJson(join(dir, "run.json"), run);
}

async function isFilled(dir: string): Promise<boolean> {
  try {
    for await (const _ of Deno.readDir(dir)) return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotADirectory) {
      throw new BadInput(`Cannot use ${dir} as the output folder as it must be a folder: it is a file`);
    }
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  return false;
}
