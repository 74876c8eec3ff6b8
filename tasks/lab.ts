/** JupyterLab with the Deno kernel, in notebooks/. */
import { ensureEnvironment, NOTEBOOKS } from "slolab/notebook/environment.ts";
import { startLab } from "slolab/notebook/lab.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";

const flags = {
  browser: {
    type: "boolean",
    default: true,
    help: "open the browser; --no-browser prints the address alone",
  },
  port: { type: "integer", default: 8888, min: 1, max: 65535, help: "the next free one where it is taken" },
  "setup-only": { type: "boolean", help: "make what is missing and open nothing" },
} satisfies Flags;

await runCommand({
  name: "lab",
  summary: "Makes what is missing of JupyterLab and the Deno kernel in .venv, and opens the notebooks.",
  flags,
  examples: ["", "--no-browser --port 9000", "--setup-only"],
  run: async ({ browser, port, setupOnly }) => {
    const python = await ensureEnvironment({ print: console.log });
    if (setupOnly) return;
    console.log(`JupyterLab: opening ${NOTEBOOKS} on port ${port}; Ctrl-C ends it`);
    const child = startLab({ python, port, browser });
    const wait = () => {}; // the terminal sends Ctrl-C to JupyterLab too, which asks before it ends
    const end = () => child.kill("SIGTERM");
    Deno.addSignalListener("SIGINT", wait);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", end);
    const { code, success } = await child.status;
    Deno.removeSignalListener("SIGINT", wait);
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", end);
    if (!success) throw new Error(`Cannot go on as JupyterLab must run: it ended with code ${code}`);
  },
});
