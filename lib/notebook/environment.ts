/**
 * The Python environment that notebooks run in: JupyterLab, nbconvert and nbclient as `notebooks/requirements.txt`
 * pins them, and the Deno kernel, registered inside it rather than in the user's home.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BadInput, messageOf } from "../std/errors.ts";
import { exists, readJson, sha256, writeJson } from "../std/files.ts";

/** The repository's root, the notebooks in it, and the environment's folder. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const NOTEBOOKS = join(ROOT, "notebooks");
export const ENVIRONMENT = join(ROOT, ".venv");

const WINDOWS = Deno.build.os === "windows";
const OLDEST = [3, 10];

export interface EnvironmentOptions {
  /** Default `.venv` in the repository. */
  folder?: string;
  /** Commands that may be Python, the first that is one is taken. */
  pythons?: readonly string[];
  /** Gets a line for each step. */
  print?: (line: string) => void;
}

/** Where an environment keeps its interpreter. */
export function interpreterOf(folder: string): string {
  return WINDOWS ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
}

/** Says whether an environment has what the requirements ask for. */
export async function isReady(folder = ENVIRONMENT): Promise<boolean> {
  const stamp = join(folder, "slolab.json"); // written last: a half-made environment is gone on with
  if (!await exists(stamp) || !await exists(interpreterOf(folder))) return false;
  const { requirements } = await readJson<{ requirements: string }>(stamp);
  return requirements === sha256(await readRequirements());
}

/**
 * Makes what is missing of the environment; a second call finds all there.
 * @returns the path of its interpreter
 * @throws {BadInput} where there is no Python of at least 3.10, or it has no venv or pip.
 */
export async function ensureEnvironment(options: EnvironmentOptions = {}): Promise<string> {
  const { folder = ENVIRONMENT, pythons = WINDOWS ? ["python"] : ["python3", "python"], print = () => {} } =
    options;
  const python = interpreterOf(folder);
  const step = async (name: string, act: () => Promise<string>) => {
    const startedAt = performance.now();
    const outcome = await act();
    print(`${name}: ${outcome} (${((performance.now() - startedAt) / 1000).toFixed(1)}s)`);
  };
  const packages = (await readRequirements()).trim().split(/\s+/);
  if (await isReady(folder)) print(`Environment: there, in ${folder}, with ${packages.join(", ")}`);
  else {
    let system = "";
    await step("Python", async () => {
      const found = await findPython(pythons);
      system = found.command;
      return `${found.version}, ${found.command}`;
    });
    await step("Environment", async () => {
      const broken = !await exists(python) ? ["--clear"] : [];
      await runOrBlame(
        system,
        ["-m", "venv", ...broken, folder],
        (why) =>
          `Cannot make the environment ${folder} as Python must have venv and pip: '${why}' ` +
          "(on Debian: apt-get install python3-venv)",
      );
      return `made in ${folder}`;
    });
    await step("Packages", async () => {
      const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
      await runOrBlame(
        python,
        [...install, "-r", join(NOTEBOOKS, "requirements.txt")],
        (why) => `Cannot install ${packages.join(", ")} as pip must reach a package index: '${why}'`,
      );
      return packages.join(", ");
    });
    await writeJson(join(folder, "slolab.json"), { requirements: sha256(await readRequirements()) });
  }
  await step("Deno kernel", async () => {
    const spec = join(folder, "share", "jupyter", "kernels", "deno", "kernel.json");
    const wanted = kernelSpec();
    const there = await exists(spec) ? await readJson(spec) : null;
    if (JSON.stringify(there) === JSON.stringify(wanted)) return `there, ${Deno.execPath()}`;
    await writeJson(spec, wanted);
    return `registered in ${folder}, ${Deno.execPath()}`;
  });
  return python;
}

/** The environment variables under which Jupyter takes the kernel of its own environment first. */
export const JUPYTER_VARIABLES = { JUPYTER_PREFER_ENV_PATH: "1" };

/** What `deno jupyter --install` writes, for the Deno that runs this. */
export function kernelSpec(): object {
  return {
    argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
  };
}

function readRequirements(): Promise<string> {
  return Deno.readTextFile(join(NOTEBOOKS, "requirements.txt"));
}

async function findPython(commands: readonly string[]): Promise<{ command: string; version: string }> {
  const states: string[] = [];
  for (const command of commands) {
    const script = 'import sys; print(".".join(map(str, sys.version_info[:3])))';
    const version = await runText(command, ["-c", script]).catch(() => null);
    if (version === null) continue;
    const [major, minor] = version.split(".").map(Number);
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return { command, version };
    states.push(`${command} is ${version}`);
  }
  throw new BadInput(
    `Cannot set up JupyterLab as Python ${OLDEST.join(".")} or later must be installed: ${
      states.join(", ") || `there is no ${commands.join(" or ")} on the PATH`
    }`,
  );
}

async function runOrBlame(
  command: string,
  args: string[],
  blame: (lastLine: string) => string,
): Promise<void> {
  await runText(command, args).catch((thrown) => {
    throw new BadInput(blame(messageOf(thrown)));
  });
}

async function runText(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (success) return text;
  throw new Error(errors.split("\n").at(-1) || text.split("\n").at(-1) || "nothing");
}
