/** For tests: llama.cpp's own server over a real model, from `../shared` and a wheel. */
import { homedir } from "node:os";
import { join } from "node:path";
import { exists } from "../../std/files.ts";
import { pythonVenv } from "../../std/test_python.ts";
import { SHARED } from "../../std/test_support.ts";

const MODEL = join(homedir(), ".cache", "slolab-test-models", "SmolLM2-135M-Instruct.Q4_1.gguf");
const SCRIPT = SHARED && join(SHARED, "peers", "llama_server.py");

const python = SCRIPT !== null && await exists(MODEL) ? await pythonVenv(["xllamacpp==2026.10.11549"]) : null;

/** What this machine lacks for it, in a line; null where all is there. */
export const LLAMA_LACKS = SCRIPT === null
  ? "../shared is not beside the repository"
  : !await exists(MODEL)
  ? `${MODEL} is not there`
  : python === null
  ? "Python with xllamacpp can't be had"
  : null;

/** Starts the server on a free port, model `m` in 4 slots of 2,048 tokens on one thread, and ends it. */
export async function withLlama(run: (baseUrl: string) => Promise<void>): Promise<void> {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr as Deno.NetAddr;
  free.close();
  const child = new Deno.Command(python!, {
    args: [SCRIPT!, MODEL, String(port), "4", "1"],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  try {
    let isEnded = false;
    child.status.then(() => isEnded = true);
    for (;;) { // it listens before the model is loaded, and answers 503 until then
      if (isEnded) throw new Error("the server did not start");
      const response = await fetch(`${baseUrl}/models`).catch(() => null);
      await response?.body?.cancel();
      const health = response?.ok ? await fetch(`http://127.0.0.1:${port}/health`).catch(() => null) : null;
      await health?.body?.cancel();
      if (health?.ok) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await run(baseUrl);
  } finally {
    try {
      child.kill("SIGTERM");
    } catch {
      // ended already
    }
    await child.status;
  }
}
