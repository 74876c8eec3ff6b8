/** Requests to one server of the protocol: whole answers and streams, with their limits in time and a 429's waiting. */
import { messageOf } from "../std/errors.ts";
import type { AnswerStream, StreamedAnswer } from "./answer_stream.ts";
import { EndpointError, type EndpointErrorKind, StatusError } from "./errors.ts";
import { HttpClient, type HttpClientOptions } from "./http_client.ts";
import type { ResponseHead } from "./response_parser.ts";
import { refusalError, WholeBody } from "./whole_body.ts";

/** Ms; a limit that is not given has its default, null is none. */
export interface EndpointTimeouts {
  /** Until a connection stands (default 10 s). */
  connectMs?: number;
  /** From the sending to the first content, or to the end of an answer that is no stream (default 10 min). */
  firstTokenMs?: number | null;
  /** Between two arrivals after the first content (default 2 min). */
  idleMs?: number | null;
  /** From the sending to the answer's end (default none). */
  totalMs?: number | null;
}

export interface ChannelOptions extends Pick<HttpClientOptions, "caCerts" | "connect"> {
  /** Sent as `Authorization: Bearer`. */
  apiKey?: string;
  timeouts?: EndpointTimeouts;
  /** How often a request is sent again after a 429: when `Retry-After` says, or a second later (default 0). */
  retry429?: number;
  /** Monotonic clock in ms. */
  now?: () => number;
}

const DEFAULT_FIRST_TOKEN_MS = 600_000, DEFAULT_IDLE_MS = 120_000;
/** The longest that `setTimeout` can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Channel {
  readonly #options: ChannelOptions;
  readonly #http: HttpClient;

  constructor(origin: URL, options: ChannelOptions) {
    this.#options = options;
    this.#http = new HttpClient(origin, { ...options, connectTimeoutMs: options.timeouts?.connectMs });
  }

  close(): void {
    this.#http.close();
  }

  /**
   * Sends a request that is answered with JSON.
   * @param path from the server's root
   * @throws {EndpointError} for another status than 200 or a body that is no JSON.
   */
  fetchJson(method: "GET" | "POST", path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
    return this.#retrying(signal, async () => {
      const whole = new WholeBody();
      let head!: ResponseHead;
      await this.#http.request({
        method,
        path,
        headers: this.#headers(),
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: this.#within(signal),
        onHead: (h) => head = h,
        onBody: (bytes) => whole.push(bytes),
      });
      const text = whole.text();
      if (head.status !== 200) throw refusalError(head, text, path);
      try {
        return JSON.parse(text);
      } catch (thrown) {
        throw new EndpointError(
          "malformed",
          `Cannot read the answer to ${path} as it must be JSON: ${messageOf(thrown)}`,
        );
      }
    });
  }

  /**
   * Sends a request that is answered with a stream; resolves at `[DONE]`, or where the response ends.
   * @param begin makes the reader of the answer, anew for each time that the request goes out
   * @throws {RangeError} where the prompt does not fit.
   * @throws {EndpointError} for everything else; the signal's reason.
   */
  stream(
    path: string,
    body: string,
    begin: () => AnswerStream,
    { signal, requestId }: { signal?: AbortSignal; requestId?: string },
  ): Promise<StreamedAnswer> {
    return this.#retrying(signal, () => this.#streamOnce(path, body, begin(), signal, requestId));
  }

  async #streamOnce(
    path: string,
    body: string,
    stream: AnswerStream,
    signal?: AbortSignal,
    requestId?: string,
  ): Promise<StreamedAnswer> {
    const ending = new AbortController();
    const onAbort = () => ending.abort(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const stopWatching = this.#watch(stream, (error) => ending.abort(error));
    const { promise: done, resolve } = Promise.withResolvers<void>();
    let refusal: { head: ResponseHead; body: WholeBody } | null = null;
    const responded = this.#http.request({
      method: "POST",
      path,
      headers: this.#headers(requestId),
      body,
      signal: ending.signal,
      onHead(head) {
        const isStream = head.headers.get("content-type")?.startsWith("text/event-stream");
        if (head.status !== 200 || !isStream) refusal = { head, body: new WholeBody() };
      },
      onBody(bytes) {
        if (refusal !== null) return refusal.body.push(bytes);
        if (stream.done) return;
        stream.push(bytes);
        if (stream.done) resolve();
      },
    });
    try {
      await Promise.race([responded, done]);
      responded.catch(() => {}); // what comes behind the answer's end is not its own
      if (refusal !== null) throw refusalOf(refusal, path);
      return stream.end();
    } finally {
      stopWatching();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #headers(requestId?: string): Record<string, string> {
    const { apiKey } = this.#options;
    return {
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...(requestId !== undefined && { "x-request-id": requestId.replaceAll(/[^\x21-\x7e]/g, "_") }),
    };
  }

  #within(signal?: AbortSignal): AbortSignal | undefined {
    const { firstTokenMs = DEFAULT_FIRST_TOKEN_MS } = this.#options.timeouts ?? {};
    if (firstTokenMs === null) return signal;
    const limit = AbortSignal.timeout(firstTokenMs);
    return signal ? AbortSignal.any([signal, limit]) : limit;
  }

  async #retrying<T>(signal: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
    for (let left = this.#options.retry429 ?? 0;; left--) {
      try {
        return await send();
      } catch (thrown) {
        if (!(thrown instanceof StatusError && thrown.status === 429 && left > 0)) throw thrown;
        await sleep(thrown.retryAfterMs ?? 1000, signal);
      }
    }
  }

  /**
   * Fails a stream that takes longer than it may.
   *
   * One timer is set anew when it goes off: to set one at each token would cost more than to read the token.
   * @returns what ends the watch
   */
  #watch(stream: AnswerStream, fail: (error: EndpointError) => void): () => void {
    const { firstTokenMs = DEFAULT_FIRST_TOKEN_MS, idleMs = DEFAULT_IDLE_MS, totalMs = null } =
      this.#options.timeouts ?? {};
    const now = this.#options.now ?? (() => performance.now());
    const sentAt = now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const check = () => {
      const [kind, ms, since, rule]: [EndpointErrorKind, number | null, number, string] =
        stream.firstTokenAt === null
          ? ["first_token_timeout", firstTokenMs, sentAt, "begin"]
          : ["idle_timeout", idleMs, stream.lastByteAt!, "go on"];
      const at = now();
      const left = ms === null ? Infinity : since + ms - at;
      const leftInAll = totalMs === null ? Infinity : sentAt + totalMs - at;
      const wait = Math.min(left, leftInAll);
      if (wait > 0) {
        const next = Math.min(wait, idleMs ?? Infinity); // the first token may come in the meantime
        if (next < Infinity) timer = setTimeout(check, Math.min(Math.ceil(next), MAX_TIMER_MS));
      } else if (left <= leftInAll) {
        fail(new EndpointError(kind, `Cannot use the answer as it must ${rule} within ${ms} ms: it did not`));
      } else {
        const rule = `Cannot use the answer as it must be whole within ${totalMs} ms: it was not`;
        fail(new EndpointError("timeout", rule));
      }
    };
    check();
    return () => clearTimeout(timer);
  }
}

const refusalOf = ({ head, body }: { head: ResponseHead; body: WholeBody }, path: string) =>
  refusalError(head, body.text(), path);

/** Waits, unless the signal comes first. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
