/** For tests: a hub on loopback that serves files from memory or a folder, and can misbehave in the ways a real one does. */
import { createHash } from "node:crypto";
import { join } from "node:path";

export interface HubServerOptions {
  /** Bodies by path, `/datasets/o/n/resolve/main/a.bin`, or a folder laid out that way. */
  files: Record<string, Uint8Array<ArrayBuffer>> | string;
  /** Sends X-Repo-Commit; without it, and with `etag: false`, this is a plain mirror. */
  commit?: string;
  /** Sends an ETag, the SHA-256 of the body (default true). */
  etag?: boolean;
  /** Honours Range (default true). */
  range?: boolean;
  /** Answers a request itself; undefined lets the file be served. */
  intercept?: (request: Request, count: number) => Response | undefined;
  /** Ends the body of the n-th GET (from 0) after so many bytes by breaking the connection. */
  cutAfter?: (get: number) => number | undefined;
}

/** One request as it came. */
export interface Seen {
  method: string;
  path: string;
  range: string | null;
  authorization: string | null;
}

export class HubServer implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly options: HubServerOptions) {
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    }, (request) => this.#answer(request));
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** How often a method was used on file paths. */
  count(method: string): number {
    return this.seen.filter((s) => s.method === method && s.path !== "/").length;
  }

  async #answer(request: Request): Promise<Response> {
    const path = decodeURIComponent(new URL(request.url).pathname);
    if (path === "/") return new Response(null);
    const gets = this.count("GET");
    this.seen.push({
      method: request.method,
      path,
      range: request.headers.get("range"),
      authorization: request.headers.get("authorization"),
    });
    const { files, commit, etag = true, range = true, intercept, cutAfter } = this.options;
    const own = intercept?.(request, this.seen.length - 1);
    if (own) return own;
    const body = typeof files === "string"
      ? await Deno.readFile(join(files, path)).catch(() => undefined)
      : files[path];
    if (body === undefined) return new Response("no such file", { status: 404 });
    const headers = new Headers({ "content-length": String(body.length) });
    if (etag) headers.set("etag", `"${createHash("sha256").update(body).digest("hex")}"`);
    if (commit) headers.set("x-repo-commit", commit);
    if (request.method === "HEAD") return new Response(null, { headers });
    const from = range ? Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0) : 0;
    if (from > 0) {
      if (from >= body.length) return new Response(null, { status: 416 });
      headers.set("content-range", `bytes ${from}-${body.length - 1}/${body.length}`);
      headers.set("content-length", String(body.length - from));
    }
    const cut = cutAfter?.(gets);
    const rest = body.subarray(from);
    const stream = cut === undefined ? rest : new ReadableStream({
      start(controller) {
        controller.enqueue(rest.subarray(0, cut));
        setTimeout(() => controller.error(new Error("cut")), 20);
      },
    });
    return new Response(stream, { status: from > 0 ? 206 : 200, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
