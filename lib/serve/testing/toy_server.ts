/** For tests: the app over toy engines on a loopback port. */
import type { Tokenizer } from "../../checkpoint/tokenizer.ts";
import { Engine } from "../../engine/engine.ts";
import { ToyRunner } from "../../engine/testing/toy_runner.ts";
import { createToyTokenizer } from "../../engine/testing/toy_tokenizer.ts";
import { type AppOptions, createApp } from "../app.ts";

export const PIECES = ["<end>", "a", "b", "c", "ab", " ", "St", "op", "é", "\n"];
const END = 0;
export const idOf = (piece: string) => PIECES.indexOf(piece);

export interface ToyServerOptions extends Partial<AppOptions> {
  /** Names of the models (default one, `toy/med`). */
  names?: string[];
  /** What each model answers to a one-token prompt, over and over (default `a`, `b`). */
  says?: string[];
  slots?: number;
  context?: number;
  /** Takes the place of parts of the toy's. */
  tokenizer?: Partial<Tokenizer>;
  /** Called within each run of a model. */
  onRun?: (run: string) => void | Promise<void>;
}

export interface ToyServer {
  url: string;
  engines: Engine[];
  runners: ToyRunner[];
  http: Deno.HttpServer<Deno.NetAddr>;
  /** Sends a body as JSON. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** Sends a body and reads the answer's JSON, whatever its status. */
  // deno-lint-ignore no-explicit-any
  ask(path: string, body: unknown): Promise<{ status: number; json: any; headers: Headers }>;
}

export async function withToyServer(
  options: ToyServerOptions,
  run: (server: ToyServer) => Promise<void>,
): Promise<void> {
  const { names = ["toy/med"], says = ["a", "b"], slots = 2, context = 64, onRun, tokenizer, ...app } =
    options;
  const runners = names.map(() =>
    new ToyRunner({
      slots,
      context,
      vocabSize: PIECES.length,
      next: (ids) => idOf(says[(ids.length - 1) % says.length]),
      onRun,
    })
  );
  const engines = runners.map((runner, i) =>
    new Engine({
      name: names[i],
      runner,
      tokenizer: { ...createToyTokenizer(PIECES), ...tokenizer },
      eosTokenIds: [END],
    })
  );
  const models = engines.map((engine, i) => ({ id: names[i], engine }));
  const { fetch: handle } = createApp({ models, maxQueue: 4, ...app });
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => handle(request));
  const url = `http://127.0.0.1:${http.addr.port}`;
  const post: ToyServer["post"] = (path, body, init) =>
    fetch(url + path, { method: "POST", body: JSON.stringify(body), ...init });
  const ask: ToyServer["ask"] = async (path, body) => {
    const response = await post(path, body);
    return { status: response.status, json: await response.json(), headers: response.headers };
  };
  try {
    await run({ url, engines, runners, http, post, ask });
  } finally {
    await http.shutdown();
    for (const engine of engines) await engine.close();
  }
}

/** Waits until something holds that no event tells of. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A run of a model that waits: `reached` when it is there, `release` lets it go on. */
export function gate(matches: RegExp) {
  const arrived = Promise.withResolvers<void>(), released = Promise.withResolvers<void>();
  return {
    reached: arrived.promise,
    release: released.resolve,
    onRun(run: string): Promise<void> | void {
      if (!matches.test(run)) return;
      arrived.resolve();
      return released.promise;
    },
  };
}

/** The data of a stream's events. */
export async function readEvents(response: Response): Promise<string[]> {
  const text = await response.text();
  if (!text.endsWith("\n\n")) throw new Error(`an event is not ended: ${text}`);
  return text.slice(0, -2).split("\n\n").map((event) => {
    if (!event.startsWith("data: ") || event.includes("\n")) {
      throw new Error(`not one line of data: ${event}`);
    }
    return event.slice(6);
  });
}
