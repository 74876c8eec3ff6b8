/** The other end of `measure.ts`: starts an engine's process and asks it. */
import { fileURLToPath } from "node:url";
import { type Answer, type Ask, lines } from "./measure.ts";

/** An engine's program, relative to this file, and the flags of `deno run` that give it what it needs. */
export interface Program {
  script: string;
  flags: readonly string[];
}

export const SLOLAB: Program = { script: "slolab_worker.ts", flags: ["-P=engine"] };
export const TRANSFORMERS_JS: Program = { script: "transformers_js_worker.ts", flags: ["-P=engine"] };
export const LLAMA_CPP: Program = {
  script: "../llama_cpp/worker.ts",
  flags: ["--allow-read", "--allow-env", "--allow-ffi"],
};

export class EngineProcess implements AsyncDisposable {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncGenerator<string>;

  private constructor(name: string, child: Deno.ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#lines = lines(child.stdout);
  }

  /**
   * Starts an engine and waits until it has loaded its model.
   * @param options see the program
   * @throws {Error} where it ends before that; its stderr is shown.
   */
  static async start(
    name: string,
    { script, flags }: Program,
    options: unknown,
  ): Promise<EngineProcess> {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const child = new Deno.Command("deno", {
      args: ["run", "-q", ...flags, path, JSON.stringify(options)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const started = new EngineProcess(name, child);
    await started.#next();
    return started;
  }

  /** Asks for one measurement. */
  async ask(ask: Ask): Promise<Answer> {
    await this.#stdin.write(new TextEncoder().encode(JSON.stringify(ask) + "\n"));
    return await this.#next() as Answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#child.status;
  }

  async #next(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) {
      const { code } = await this.#child.status;
      throw new Error(`Cannot measure ${this.name} as its process must answer: it ended with code ${code}`);
    }
    return JSON.parse(value);
  }
}
