/** JupyterLab itself. */
import { JUPYTER_VARIABLES, NOTEBOOKS } from "./environment.ts";

export interface LabOptions {
  /** Interpreter of the environment. */
  python: string;
  /** The next free one where it is taken. */
  port: number;
  /** What it opens (default: the notebooks). */
  folder?: string;
  browser?: boolean;
  /** Further variables of JupyterLab's environment, and so of the kernels'. */
  env?: Record<string, string>;
}

/** Starts JupyterLab; it prints its address to stderr. */
export function startLab(
  { python, port, folder = NOTEBOOKS, browser = true, env }: LabOptions,
): Deno.ChildProcess {
  return new Deno.Command(python, {
    // In containers the user is often root, whom JupyterLab refuses unless told otherwise.
    args: ["-m", "jupyterlab", "--allow-root", `--port=${port}`, ...browser ? [] : ["--no-browser"]],
    cwd: folder,
    env: { ...JUPYTER_VARIABLES, ...env },
  }).spawn();
}
