/**
 * Files from the Hugging Face hub, or from a plain mirror of it, into the cache that Python's libraries share.
 *
 * HEAD tells the ETag and the commit, GET brings the bytes and goes on where a cut connection stopped:
 *
 * ```ts
 * const file = await new HubClient().download({
 *   repoType: "dataset",
 *   repo: "cais/mmlu",
 *   path: "all/test-00000-of-00001.parquet",
 * });
 * ```
 *
 * Honours HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE.
 */
import { join } from "node:path";
import { BadInput, messageOf } from "../std/errors.ts";
import { sha256File } from "../std/files.ts";
import { checkHubFile, HubCache, type HubFile, type RepoType } from "./hub_cache.ts";
import { type Fetch, Interrupted, onNetwork, send, Watchdog, withRetries } from "./hub_http.ts";

/** The hub does not answer (or HF_HUB_OFFLINE forbids to ask), and the file is not in the cache. */
export class HubUnreachable extends Error {
  override name = "HubUnreachable";
}

export interface HubOptions {
  endpoint?: string;
  token?: string;
  cacheDir?: string;
  offline?: boolean;
  fetch?: Fetch;
  /** How to wait between tries; a test hands in its own. */
  wait?: (ms: number) => Promise<void>;
}

export interface DownloadRequest {
  repoType: RepoType;
  repo: string;
  /** Branch, tag or commit (default `main`). */
  revision?: string;
  path: string;
  /** Called with the bytes that are here and, where the server tells, those of the whole file. */
  onProgress?: (bytes: number, total: number | null) => void;
}

export interface Download {
  /** In the snapshot folder, under the file's own name. */
  path: string;
  /** The commit, or null where the server named none. */
  revision: string | null;
  sha256: string;
  fromCache: boolean;
}

const PROBE_MS = 3_000;
const IDLE_MS = 30_000;
const RETRY = { attempts: 5, maxWaitMs: 300_000 };

/** One probe for each endpoint and process, shared by all clients. */
const probes = new Map<string, Promise<boolean>>();

/** What the hub says of a file before it is fetched. */
interface FileHead {
  etag: string | null;
  commit: string | null;
  size: number | null;
}

const env = (name: string) => Deno.env.get(name) || undefined;

/** Where Python's libraries keep what they download. */
function defaultCacheDir(): string {
  const home = env("HOME") ?? env("USERPROFILE") ?? ".";
  const hfHome = env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(home, ".cache"), "huggingface");
  return env("HF_HUB_CACHE") ?? join(hfHome, "hub");
}

export class HubClient {
  readonly endpoint: string;
  readonly #token: string | null;
  readonly #offline: boolean;
  readonly #cache: HubCache;
  readonly #fetch: Fetch;
  readonly #wait: (ms: number) => Promise<void>;

  constructor(options: HubOptions = {}) {
    const endpoint = options.endpoint ?? env("HF_ENDPOINT") ?? "https://huggingface.co";
    if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
      throw new BadInput(`Cannot use the hub as HF_ENDPOINT must be an http(s) address: it is '${endpoint}'`);
    }
    this.endpoint = endpoint.replace(/\/+$/, "");
    this.#token = (options.token ?? env("HF_TOKEN")) || null;
    this.#offline = options.offline ?? /^(1|on|yes|true)$/i.test(env("HF_HUB_OFFLINE") ?? "");
    this.#cache = new HubCache(options.cacheDir ?? defaultCacheDir());
    this.#fetch = options.fetch ?? fetch;
    this.#wait = options.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /** Says whether the hub answers: asked once in a process, for 3 seconds. */
  probe(): Promise<boolean> {
    if (this.#offline) return Promise.resolve(false);
    let answer = probes.get(this.endpoint);
    if (answer === undefined) {
      answer = this.#fetch(this.endpoint + "/", {
        method: "HEAD",
        redirect: "manual",
        signal: AbortSignal.timeout(PROBE_MS),
      }).then(({ status }) => status < 500, () => false);
      probes.set(this.endpoint, answer);
    }
    return answer;
  }

  /**
   * Brings a file: from the cache where it is there, else from the hub.
   * @throws {HubUnreachable} where the hub does not answer, or breaks off for good.
   * @throws {Deno.errors.NotFound} where the hub has no such file.
   * @throws {BadInput} where it asks for a licence or a token (401, 403).
   */
  async download(request: DownloadRequest): Promise<Download> {
    const file: HubFile = { ...request, revision: request.revision ?? "main" };
    checkHubFile(file);
    const cached = await this.#cache.find(file);
    if (cached !== null) return { ...cached, fromCache: true };
    if (!await this.probe()) {
      throw this.#unreachable(
        file,
        this.#offline ? "HF_HUB_OFFLINE is set" : `${this.endpoint} gave no answer in ${PROBE_MS / 1000} s`,
      );
    }
    try {
      const head = await withRetries(() => this.#head(file), { ...RETRY, wait: this.#wait });
      using _lock = await this.#cache.lock(file, head.etag);
      const meanwhile = await this.#cache.find(file);
      if (meanwhile !== null) return { ...meanwhile, fromCache: true };

      const part = await this.#cache.partPath(file, head.etag);
      const fetched = await this.#fetchInto(part, file, head, request.onProgress);
      const pointer = await this.#cache.add(file, part, head.etag ?? fetched.sha256, head.commit);
      return { ...pointer, ...fetched, fromCache: false };
    } catch (thrown) {
      if (thrown instanceof Interrupted) throw this.#unreachable(file, `${this.endpoint}: ${thrown.message}`);
      throw thrown;
    }
  }

  #unreachable({ repo, path }: HubFile, state: string): HubUnreachable {
    return new HubUnreachable(`Cannot download ${path} of ${repo} as the hub must be reachable: ${state}`);
  }

  #page({ repoType, repo }: HubFile): string {
    return `${this.endpoint}/${repoType === "dataset" ? "datasets/" : ""}${repo}`;
  }

  #url(file: HubFile): string {
    const segments = (text: string) => text.split("/").map(encodeURIComponent).join("/");
    return `${this.#page(file)}/resolve/${encodeURIComponent(file.revision)}/${segments(file.path)}`;
  }

  /** Asks for the metadata; the hub's own answer carries it also where it redirects to another host. */
  async #head(file: HubFile): Promise<FileHead> {
    using watchdog = new Watchdog(IDLE_MS);
    const responses = await send(this.#fetch, {
      method: "HEAD",
      url: this.#url(file),
      token: this.#token,
      signal: watchdog.signal,
    });
    const last = responses.at(-1)!;
    if (last.status === 405 || last.status === 501) return { etag: null, commit: null, size: null };
    const redirected = last.status >= 300 && last.status < 400;
    if (!redirected) this.#check(last, file);
    const header = (name: string) => responses.find((r) => r.headers.has(name))?.headers.get(name) ?? null;
    const own = (name: string) => redirected ? null : last.headers.get(name);
    const etag = header("x-linked-etag") ?? own("etag");
    const commit = header("x-repo-commit");
    const size = header("x-linked-size") ?? own("content-length");
    const name = etag?.replace(/^W\//, "").replaceAll('"', "") ?? "";
    return {
      etag: /^\w[\w.-]*$/.test(name) ? name : null,
      commit: commit !== null && /^[0-9a-f]{40}$/.test(commit) ? commit : null,
      size: size === null ? null : Number(size),
    };
  }

  /** Fetches what is missing of a file, on from what `part` holds where its ETag is known. */
  async #fetchInto(
    part: string,
    file: HubFile,
    { etag, size }: FileHead,
    onProgress: DownloadRequest["onProgress"],
  ): Promise<{ sha256: string }> {
    using out = await Deno.open(part, { write: true, create: true });
    if (etag === null) await out.truncate(0);
    let offset = (await out.stat()).size;
    let furthest = offset;
    const restart = async () => {
      await out.truncate(0);
      offset = 0;
    };
    if (size !== null && offset > size) await restart();

    return await withRetries(async (progressed) => {
      if (offset === 0 || offset !== size) {
        using watchdog = new Watchdog(IDLE_MS);
        const response = (await send(this.#fetch, {
          method: "GET",
          url: this.#url(file),
          token: this.#token,
          headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
          signal: watchdog.signal,
        })).at(-1)!;
        const from = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
        if (response.status === 416 || (response.status === 206 && Number(from) !== offset)) {
          await response.body?.cancel();
          await restart();
          throw new Interrupted("it could not go on where the download stopped");
        }
        this.#check(response, file);
        if (response.status === 200) await restart();
        await out.seek(offset, Deno.SeekMode.Start);
        const reader = response.body?.getReader();
        for (;;) {
          const chunk = await onNetwork(async () => await reader?.read());
          if (chunk === undefined || chunk.done) break;
          watchdog.touch();
          for (let at = 0; at < chunk.value.length;) at += await out.write(chunk.value.subarray(at));
          offset += chunk.value.length;
          if (offset > furthest) {
            furthest = offset;
            progressed();
          }
          onProgress?.(offset, size);
        }
      }
      if (size !== null && offset !== size) {
        if (offset > size) await restart();
        throw new Interrupted(`the connection ended at ${offset} of ${size} bytes`);
      }
      const sha256 = await sha256File(part);
      if (etag !== null && /^[0-9a-f]{64}$/.test(etag) && etag !== sha256) {
        await restart();
        throw new Interrupted(`${file.path} arrived with another SHA-256 than it was announced with`);
      }
      return { sha256 };
    }, { ...RETRY, wait: this.#wait });
  }

  /** Turns an answer that is no file into the error that says how to mend it. */
  #check(response: Response, file: HubFile): void {
    if (response.ok) return;
    response.body?.cancel().catch(() => {});
    const { status } = response;
    if (status === 401 || status === 403) {
      throw new BadInput(
        `Cannot download ${file.path} of ${file.repo} as its licence must be accepted (or its name is wrong): ` +
          `accept it on ${this.#page(file)} and set HF_TOKEN to a token of that account ` +
          `(the hub answered ${status}, HF_TOKEN is ${this.#token === null ? "not set" : "set"})`,
      );
    }
    if (status === 404) {
      const detail = response.headers.get("x-error-message");
      throw new Deno.errors.NotFound(
        `Cannot download ${file.path} of ${file.repo} as the hub must have it: it answered 404${
          detail ? ` (${messageOf(detail)})` : ""
        }`,
      );
    }
    throw new Error(
      `Cannot download ${file.path} of ${file.repo} as the hub must send it: it answered ${status}`,
    );
  }
}
