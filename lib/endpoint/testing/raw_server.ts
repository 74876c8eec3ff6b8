/** For tests: a server that answers with the very bytes that a test gives. */
import { Buffer } from "node:buffer";

export interface RawRequest {
  /** `POST /v1/completions` */
  line: string;
  headers: Map<string, string>;
  body: string;
}

export interface RawExchange extends RawRequest {
  /** The number of the connection that it came on, from 0. */
  connection: number;
  write(text: string): Promise<void>;
  /** Resolves when the client has closed the connection. */
  closed: Promise<void>;
  close(): void;
}

export interface RawServer {
  port: number;
  baseUrl: string;
  /** All requests, in the order of their coming. */
  requests: RawRequest[];
  /** Connections that were opened. */
  connections: number;
}

/**
 * Runs a test against a server.
 * @param answer writes the answer to each request
 */
export async function withRawServer(
  answer: (exchange: RawExchange) => void | Promise<void>,
  run: (server: RawServer) => Promise<void>,
  listener: Deno.Listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }),
): Promise<void> {
  const { port } = listener.addr as Deno.NetAddr;
  const server: RawServer = { port, baseUrl: `http://127.0.0.1:${port}/v1`, requests: [], connections: 0 };
  const closers: (() => void)[] = [], serving: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) serving.push(serve(conn, server.connections++));
  })();

  async function serve(conn: Deno.Conn, connection: number): Promise<void> {
    const gone = Promise.withResolvers<void>();
    let isOpen = true;
    const close = () => {
      if (isOpen) conn.close();
      isOpen = false;
    };
    closers.push(close);
    const buffer = new Uint8Array(64 * 1024);
    let received = "";
    const answering: unknown[] = [];
    try {
      for (let count; (count = await conn.read(buffer)) !== null;) {
        received += Buffer.from(buffer.subarray(0, count)).toString("latin1");
        for (let request; (request = takeRequest(received)) !== null;) {
          received = received.slice(request.length);
          server.requests.push(request);
          const write = async (text: string) => {
            const bytes = new TextEncoder().encode(text);
            for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
          };
          const done = answer({ ...request, connection, write, close, closed: gone.promise });
          answering.push(Promise.resolve(done).catch((thrown) => isOpen && Promise.reject(thrown)));
        }
      }
    } catch {
      // The client is gone.
    } finally {
      gone.resolve();
      close();
      await Promise.all(answering);
    }
  }

  try {
    await run(server);
  } finally {
    listener.close();
    await accepting;
    for (const close of closers) close();
    await Promise.all(serving);
  }
}

function takeRequest(received: string): (RawRequest & { length: number }) | null {
  const head = received.indexOf("\r\n\r\n");
  if (head < 0) return null;
  const [line, ...fields] = received.slice(0, head).split("\r\n");
  const headers = new Map(fields.map((f): [string, string] => {
    const colon = f.indexOf(":");
    return [f.slice(0, colon).toLowerCase(), f.slice(colon + 1).trim()];
  }));
  const length = head + 4 + Number(headers.get("content-length") ?? 0);
  if (received.length < length) return null;
  const body = Buffer.from(received.slice(head + 4, length), "latin1").toString();
  return { line: line.replace(" HTTP/1.1", ""), headers, body, length };
}

/** A whole response with a body of known length. */
export function response(status: number, body: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const length = new TextEncoder().encode(body).length;
  return `HTTP/1.1 ${status} x\r\ncontent-length: ${length}\r\n${lines}\r\n${body}`;
}

/** The head of a stream in chunks. */
export const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/** A chunk of the transfer. */
export function transferChunk(text: string): string {
  return `${new TextEncoder().encode(text).length.toString(16)}\r\n${text}\r\n`;
}

/** A whole stream of events, one transfer chunk each. */
export function streamOf(events: string[]): string {
  return STREAM_HEAD + events.map((e) => transferChunk(`data: ${e}\n\n`)).join("") + transferChunk("");
}
