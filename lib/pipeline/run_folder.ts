/**
 * The folder of a run: never overwritten, and resumed only by the run that began it.
 *
 * `run.json` is written first, with everything needed to repeat the run; `status` turns from `running` to
 * `complete` at the end.
 */
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeJson } from "../std/files.ts";

/** What must be equal for a run to be resumed: the flags that matter, and the hashes of model and data. */
export type Fingerprint = Record<string, unknown>;

export interface RunDocument {
  status: "running" | "complete";
  fingerprint: Fingerprint;
  /** Wall-clock instants (ISO) of the first start and of each resumption. */
  started_at: string[];
  [key: string]: unknown;
}

/**
 * Makes the folder of a run ready: a folder with results is renamed `<name>.<n>`, or taken up again with `resume`.
 * @returns the earlier run's document when resuming, else null
 * @throws {BadInput} where there is nothing to resume.
 */
export async function openRunFolder(dir: string, resume: boolean): Promise<RunDocument | null> {
  const hasRun = await exists(join(dir, "run.json"));
  if (resume) {
    if (!hasRun) {
      throw new BadInput(
        `Cannot resume ${dir} as it must hold a run.json: there is none (leave out --resume to begin)`,
      );
    }
    return await readJson<RunDocument>(join(dir, "run.json"));
  }
  if (await isFilled(dir)) {
    let n = 1;
    while (await exists(`${dir}.${n}`)) n++;
    await Deno.rename(dir, `${dir}.${n}`);
  }
  await Deno.mkdir(dir, { recursive: true });
  return null;
}

/**
 * Refuses to resume a run under other settings.
 * @throws {BadInput} naming the first setting that differs.
 */
export function checkFingerprint(dir: string, earlier: Fingerprint, now: Fingerprint): void {
  for (const key of new Set([...Object.keys(earlier), ...Object.keys(now)])) {
    const [was, is] = [JSON.stringify(earlier[key]), JSON.stringify(now[key])];
    if (was !== is) {
      throw new BadInput(
        `Cannot resume ${dir} as ${key} must be what the run began with: it was ${was}, now it is ${is}`,
      );
    }
  }
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
