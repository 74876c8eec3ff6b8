/**
 * HTTP/1.1 to one server over connections that are kept open; TLS where the address is https.
 *
 * A stream's tokens come through one promise each, from the socket to a callback: of the ways that Deno offers this
 * one takes the least CPU (`deno task bench client`).
 */
import { messageOf } from "../std/errors.ts";
import { EndpointError } from "./errors.ts";
import { type ResponseHandler, ResponseParser } from "./response_parser.ts";

export interface HttpRequest extends ResponseHandler {
  method: "GET" | "POST";
  /** With the query. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Closes the connection; the request fails with its reason. */
  signal?: AbortSignal;
}

export interface HttpClientOptions {
  /** Ms that a connection may take (default 10,000). */
  connectTimeoutMs?: number;
  /** Certificates (PEM) that are trusted beside the system's. */
  caCerts?: string[];
  /** Opens a connection (default: TCP, TLS for https). */
  connect?: (url: URL) => Promise<Deno.Conn>;
}

/** How many bytes of a socket are read at once. */
const READ_BYTES = 16 * 1024;

const encoder = new TextEncoder();

export class HttpClient implements Disposable {
  readonly #origin: URL;
  readonly #connectTimeoutMs: number;
  readonly #connect: (url: URL) => Promise<Deno.Conn>;
  readonly #open = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #closed = false;

  constructor(origin: URL, { connectTimeoutMs = 10_000, caCerts, connect }: HttpClientOptions = {}) {
    this.#origin = origin;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#connect = connect ?? ((url) => openConnection(url, caCerts));
  }

  /** Connections that are open, and those of them that wait for a request. */
  get stats(): { open: number; idle: number } {
    return { open: this.#open.size, idle: this.#idle.length };
  }

  /**
   * Sends a request; resolves when its response is whole.
   *
   * Where a kept connection turns out to be closed before a byte has come back, the request goes out again on a new
   * one.
   * @throws {EndpointError} for what goes wrong on the way; the signal's reason; what the handler throws.
   */
  async request(request: HttpRequest): Promise<void> {
    request.signal?.throwIfAborted();
    const bytes = this.#encode(request);
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      try {
        return await kept.exchange(bytes, request);
      } catch (thrown) {
        const isStale = thrown instanceof EndpointError && thrown.kind === "disconnected";
        if (!isStale || this.#closed) throw thrown;
      }
    }
    const connection = await this.#dial(request.signal);
    await connection.exchange(bytes, request);
  }

  /** Closes all connections; requests under way fail. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#open]) connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #encode({ method, path, headers, body }: HttpRequest): Uint8Array {
    const bodyBytes = body === undefined ? new Uint8Array() : encoder.encode(body);
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `host: ${this.#origin.host}`,
      "accept-encoding: identity",
      ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
      ...(body === undefined
        ? []
        : ["content-type: application/json", `content-length: ${bodyBytes.length}`]),
    ];
    const head = encoder.encode(lines.join("\r\n") + "\r\n\r\n");
    const bytes = new Uint8Array(head.length + bodyBytes.length);
    bytes.set(head);
    bytes.set(bodyBytes, head.length);
    return bytes;
  }

  /** Opens a connection within its time; one that comes too late is closed. */
  async #dial(signal?: AbortSignal): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Deno.Conn>();
    const timer = setTimeout(() =>
      reject(
        new EndpointError(
          "connect_timeout",
          `Cannot reach ${this.#origin.host} as it must take a connection within ${this.#connectTimeoutMs} ms`,
        ),
      ), this.#connectTimeoutMs);
    const onAbort = () => reject(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const dialled = this.#connect(this.#origin);
    dialled.then(resolve, (thrown) => reject(connectionError(this.#origin, thrown)));
    try {
      const connection = new Connection(await promise, (c) => {
        if (this.#open.has(c)) this.#idle.push(c);
      }, (c) => {
        this.#open.delete(c);
        const at = this.#idle.indexOf(c);
        if (at >= 0) this.#idle.splice(at, 1);
      });
      this.#open.add(connection);
      return connection;
    } catch (thrown) {
      dialled.then((conn) => conn.close(), () => {});
      throw thrown;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

async function openConnection(url: URL, caCerts?: string[]): Promise<Deno.Conn> {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "https:") {
    const conn = await Deno.connectTls({
      hostname,
      port: Number(url.port || 443),
      alpnProtocols: ["http/1.1"],
      caCerts,
    });
    try {
      await conn.handshake();
      return conn;
    } catch (thrown) {
      conn.close();
      throw thrown;
    }
  }
  const conn = await Deno.connect({ hostname, port: Number(url.port || 80) });
  conn.setNoDelay(true);
  return conn;
}

function connectionError(url: URL, thrown: unknown): unknown {
  if (thrown instanceof Deno.errors.NotCapable) return thrown;
  return thrown instanceof Deno.errors.ConnectionRefused
    ? new EndpointError("refused", `Cannot reach ${url.host} as a server must listen there: it refused`)
    : new EndpointError(
      "unreachable",
      `Cannot reach ${url.host} as it must take a connection: ${messageOf(thrown)}`,
    );
}

/** One connection, read from its opening to its end; one request at a time. */
class Connection {
  readonly #conn: Deno.Conn;
  readonly #onIdle: (connection: Connection) => void;
  readonly #onClose: (connection: Connection) => void;
  #parser: ResponseParser | null = null;
  #settle: { resolve: () => void; reject: (reason: unknown) => void } | null = null;
  #closed = false;

  constructor(conn: Deno.Conn, onIdle: (c: Connection) => void, onClose: (c: Connection) => void) {
    this.#conn = conn;
    this.#onIdle = onIdle;
    this.#onClose = onClose;
    this.#read();
  }

  exchange(bytes: Uint8Array, request: HttpRequest): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = request;
    const onAbort = () => this.#fail(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const settled = () => signal?.removeEventListener("abort", onAbort);
    this.#settle = {
      resolve: () => (settled(), resolve()),
      reject: (reason) => (settled(), reject(reason)),
    };
    this.#parser = new ResponseParser(request);
    if (this.#closed) this.#ended();
    else {
      this.#conn.ref();
      // A server may answer and close before it has read everything: what it said is still to be read.
      this.#write(bytes).catch(() => {});
    }
    return promise;
  }

  close(): void {
    this.#fail(new EndpointError("disconnected", "Cannot go on as the client was closed"));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (let count; (count = await this.#conn.read(buffer)) !== null;) {
        const parser = this.#parser;
        if (parser === null) break; // nobody asked
        parser.push(buffer.subarray(0, count));
        if (this.#closed) return; // by the handler
        if (parser.done) this.#finish(parser.keepAlive);
        if (this.#closed) return;
      }
      this.#ended();
    } catch (thrown) {
      const isTransport = this.#closed || thrown instanceof Deno.errors.ConnectionReset ||
        thrown instanceof Deno.errors.ConnectionAborted || thrown instanceof Deno.errors.BrokenPipe ||
        thrown instanceof Deno.errors.UnexpectedEof || thrown instanceof Deno.errors.TimedOut;
      if (isTransport) this.#ended();
      else this.#fail(thrown);
    }
  }

  /** Takes the end of the connection: the end of the response where it has no length. */
  #ended(): void {
    try {
      this.#parser?.end();
      this.#finish(false);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #finish(keepAlive: boolean): void {
    const settle = this.#settle;
    this.#settle = null;
    this.#parser = null;
    if (keepAlive && !this.#closed) {
      this.#conn.unref();
      this.#onIdle(this);
    } else this.#shut();
    settle?.resolve();
  }

  #fail(reason: unknown): void {
    const settle = this.#settle;
    this.#settle = null;
    this.#parser = null;
    this.#shut();
    settle?.reject(reason);
  }

  #shut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(this);
    this.#conn.close();
  }
}
