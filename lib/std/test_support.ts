/** For tests alone: the repository's root, the shared folder beside it, and skips that say why. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** `../shared` beside the repository ($SLOLAB_SHARED overrides), or null where it is absent. */
export const SHARED: string | null = (() => {
  const path = Deno.env.get("SLOLAB_SHARED") ?? join(ROOT, "..", "shared");
  return existsSync(path) ? path : null;
})();

/** Registers a test that needs `../shared`: it skips, with a line that says so, where the folder is absent. */
export function sharedTest(
  name: string,
  run: (shared: string, t: Deno.TestContext) => void | Promise<void>,
): void {
  if (SHARED === null) console.log(`skipped: ${name}: ../shared is not beside the repository`);
  Deno.test({ name, ignore: SHARED === null, fn: (t) => run(SHARED!, t) });
}

/**
 * Registers a test that needs something else of the machine (Python, Chromium, a real model).
 * @param lacking one line that says what is missing, or null where all is there
 */
export function needsTest(
  name: string,
  lacking: string | null,
  run: (t: Deno.TestContext) => void | Promise<void>,
): void {
  if (lacking !== null) console.log(`skipped: ${name}: ${lacking}`);
  Deno.test({ name, ignore: lacking !== null, fn: run });
}

/** Runs a test in a folder that goes away. */
export async function inTemp(run: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
