/** Requests to the hub: redirects that do not leak the token, retries with backoff, a watchdog for silence. */

/** What may work on another try: a broken connection, a server error, too many requests. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor(message: string, readonly retryAfterMs: number | null = null) {
    super(message);
  }
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Aborts where nothing arrives for `idleMs`; `touch` says that something did. */
export class Watchdog implements Disposable {
  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  constructor(readonly idleMs: number) {
    this.touch();
  }
  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Interrupted(`nothing arrived for ${this.idleMs / 1000} s`));
    }, this.idleMs);
  }
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Runs a step that talks to the network, so that its failures count as {@linkcode Interrupted}. */
export async function onNetwork<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof Interrupted || thrown instanceof Deno.errors.NotCapable) throw thrown;
    throw new Interrupted(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

export interface HubRequest {
  method: "HEAD" | "GET";
  url: string;
  /** Sent to the first URL's origin alone: a redirect to another host does not get it. */
  token: string | null;
  headers?: Record<string, string>;
  signal: AbortSignal;
}

/**
 * Sends a request and follows its redirects; a HEAD stays with the first URL's origin, as a signed address of
 * another host may refuse it.
 * @returns the responses in order: the hub's own, which carries the metadata, comes first, the file's last
 * @throws {Interrupted} where the connection fails, or for status 408, 429 and 5xx
 */
export async function send(fetcher: Fetch, request: HubRequest): Promise<Response[]> {
  const responses: Response[] = [];
  const { origin } = new URL(request.url);
  for (let url = request.url; responses.length < 10;) {
    const headers = new Headers({ "accept-encoding": "identity", ...request.headers });
    if (request.token !== null && new URL(url).origin === origin) {
      headers.set("authorization", `Bearer ${request.token}`);
    }
    const response = await onNetwork(() =>
      fetcher(url, { method: request.method, headers, redirect: "manual", signal: request.signal })
    );
    responses.push(response);
    const { status } = response;
    if (status === 408 || status === 429 || (status >= 500 && status !== 501)) {
      await response.body?.cancel();
      throw new Interrupted(`it answered ${status}`, retryAfterMs(response.headers.get("retry-after")));
    }
    const location = status >= 300 && status < 400 ? response.headers.get("location") : null;
    if (location === null) return responses;
    await response.body?.cancel();
    url = new URL(location, url).href;
    if (request.method === "HEAD" && new URL(url).origin !== origin) return responses;
  }
  throw new Interrupted("it redirected 10 times");
}

/** Reads Retry-After: seconds or a date. */
function retryAfterMs(value: string | null): number | null {
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

export interface RetryOptions {
  /** Tries that may fail in a row. */
  attempts: number;
  /** A server that asks for a longer wait than this is given up. */
  maxWaitMs: number;
  wait(ms: number): Promise<void>;
}

/**
 * Repeats a step while it is interrupted, waiting 0.5 s, 1 s, 2 s, ... or as long as the server asks.
 * @param run gets a function to call where it made progress: failures are then counted anew
 * @throws {Interrupted} the last one
 */
export async function withRetries<T>(
  run: (progressed: () => void) => Promise<T>,
  { attempts, maxWaitMs, wait }: RetryOptions,
): Promise<T> {
  for (let failures = 0;;) {
    try {
      return await run(() => failures = 0);
    } catch (thrown) {
      if (!(thrown instanceof Interrupted) || ++failures >= attempts) throw thrown;
      const waitMs = thrown.retryAfterMs ?? 500 * 2 ** (failures - 1);
      if (waitMs > maxWaitMs) {
        throw new Interrupted(`${thrown.message} and asked to wait ${Math.round(waitMs / 1000)} s`);
      }
      await wait(waitMs);
    }
  }
}
