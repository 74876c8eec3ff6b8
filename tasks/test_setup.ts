/** Brings what the heavy tests need onto this machine, with one line for each thing; what fails is left to the tests. */
import { join } from "node:path";
import { findChromium } from "slolab/std/test_browser.ts";
import { ROOT, SHARED } from "slolab/std/test_support.ts";

/** Real models that the heavy tests open, as `../shared/models/fetch.py` names them. */
const MODELS = ["smollm2", "gemma270", "qwen05"];

/** Installs Debian's Chromium, pip and venv where they are missing and apt may, fetches the real models, and sets JupyterLab up. */
export async function setUp(): Promise<void> {
  await step("Chromium, pip and venv", async () => {
    const packages = await missingPackages();
    if (packages.length === 0) return "there";
    await run("apt-get", "update", "-qq");
    await run("apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages);
    return `installed ${packages.join(", ")}`;
  });
  await step(`models ${MODELS.join(", ")}`, async () => {
    if (SHARED === null) return "skipped, as ../shared is not beside the repository";
    const paths = await run("python3", join(SHARED, "models", "fetch.py"), ...MODELS);
    return `in ${join(paths.split("\n")[0], "..")}`;
  });
  await step("JupyterLab", async () => {
    const lines = await run(
      Deno.execPath(),
      "run",
      "-q",
      "-P=lab",
      join(ROOT, "tasks", "lab.ts"),
      "--setup-only",
    );
    return lines.split("\n")[0];
  });
}

/** Debian packages that bring what is not there. */
async function missingPackages(): Promise<string[]> {
  const python = (...args: string[]) => run("python3", ...args).then(() => true, () => false);
  return [
    ...findChromium() ? [] : ["chromium", "fonts-dejavu-core"],
    ...await python("-m", "pip", "--version") ? [] : ["python3-pip"],
    ...await python("-c", "import ensurepip") ? [] : ["python3-venv"],
  ];
}

async function step(name: string, act: () => Promise<string>): Promise<void> {
  const startedAt = performance.now();
  const outcome = await act().catch((thrown) => `not brought: ${thrown.message}`);
  console.log(`set-up: ${name}: ${outcome} (${((performance.now() - startedAt) / 1000).toFixed(1)}s)`);
}

/**
 * Runs a command for at most 15 minutes.
 * @returns what it prints
 * @throws {Error} with the last line of its stderr where it fails.
 */
async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    signal: AbortSignal.timeout(15 * 60_000),
  }).output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (!success) throw new Error(`${command} says '${errors.split("\n").at(-1)}'`);
  return text;
}

if (import.meta.main) await setUp();
