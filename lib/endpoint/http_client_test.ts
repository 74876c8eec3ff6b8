import assert from "node:assert/strict";
import { HttpClient, type HttpClientOptions } from "./http_client.ts";
import { type RawExchange, response, withRawServer } from "./testing/raw_server.ts";

const CERTIFICATE = new URL("./fixtures/localhost.pem", import.meta.url);
const KEY = new URL("./fixtures/localhost.key", import.meta.url);

/** A client of a server that answers as it is told, and what comes of a request. */
async function withClient(
  answer: (exchange: RawExchange) => void | Promise<void>,
  run: (lab: {
    client: HttpClient;
    ask: (o?: { body?: string; signal?: AbortSignal; onBody?: (text: string) => void }) => Promise<string>;
    server: Parameters<Parameters<typeof withRawServer>[1]>[0];
  }) => Promise<void>,
  options?: HttpClientOptions,
): Promise<void> {
  await withRawServer(answer, async (server) => {
    using client = new HttpClient(new URL(server.baseUrl), options);
    const ask = async ({ body, signal, onBody }: Parameters<Parameters<typeof run>[0]["ask"]>[0] = {}) => {
      let text = "";
      const decoder = new TextDecoder();
      await client.request({
        method: body === undefined ? "GET" : "POST",
        path: "/v1/x?y=1",
        headers: { authorization: "Bearer k" },
        body,
        signal,
        onHead: ({ status }) => text += `${status} `,
        onBody: (bytes) => {
          const piece = decoder.decode(bytes, { stream: true });
          text += piece;
          onBody?.(piece);
        },
      });
      return text;
    };
    await run({ client, ask, server });
  });
}

const kind = (expected: string) => (thrown: { kind?: string }) => thrown.kind === expected;

Deno.test("HttpClient sends head and body, and keeps its connections", () =>
  withClient(
    ({ write, body }) => write(response(200, `you said ${body}`)),
    async ({ client, ask, server }) => {
      assert.equal(await ask({ body: "é€" }), "200 you said é€");
      assert.equal(await ask(), "200 you said ");
      const [first, second] = server.requests;
      assert.deepEqual([first.line, second.line], ["POST /v1/x?y=1", "GET /v1/x?y=1"]);
      assert.equal(first.headers.get("host"), `127.0.0.1:${server.port}`);
      assert.equal(first.headers.get("authorization"), "Bearer k");
      assert.deepEqual([first.headers.get("content-length"), second.headers.has("content-length")], [
        "5",
        false,
      ]);
      assert.deepEqual([server.connections, client.stats], [1, { open: 1, idle: 1 }]);

      await Promise.all([ask(), ask(), ask()]);
      assert.deepEqual([server.connections, client.stats], [3, { open: 3, idle: 3 }]);
    },
  ));

Deno.test("HttpClient sends a large body whole, and reads a large one", () => {
  const large = "0123456789abcdef".repeat(256 * 1024); // 4 MB
  return withClient(
    ({ write, body }) => write(response(200, body)),
    async ({ ask }) => assert.equal(await ask({ body: large }), `200 ${large}`),
  );
});

Deno.test("HttpClient leaves a connection that is not to be kept", () =>
  withClient(
    ({ write, close, line: _ }) => write(response(200, "x", { connection: "close" })).then(close),
    async ({ client, ask, server }) => {
      assert.deepEqual([await ask(), await ask()], ["200 x", "200 x"]);
      assert.deepEqual([server.connections, client.stats], [2, { open: 0, idle: 0 }]);
    },
  ));

Deno.test("HttpClient sends again where a kept connection turns out to be closed, and not else", () =>
  withClient(
    async ({ connection, write, close }) => {
      // The first connection answers once and hangs up on the second request; the second hangs up at once.
      if (connection === 0 && asked++ > 0 || connection === 2) close();
      else await write(response(200, `from ${connection}`));
    },
    async ({ ask, server }) => {
      asked = 0;
      assert.equal(await ask(), "200 from 0");
      assert.equal(await ask(), "200 from 1");
      assert.deepEqual([server.requests.length, server.connections], [3, 2]);
      // Both of the connections are busy or gone: a third is opened, and its hanging up is an error.
      const [, second] = await Promise.allSettled([ask(), ask()]);
      assert.equal((second as PromiseRejectedResult).reason.kind, "disconnected");
    },
  ));
let asked = 0;

Deno.test("HttpClient notices that an idle connection was closed", () =>
  withClient(
    ({ write, close }) => write(response(200, "x")).then(close),
    async ({ client, ask, server }) => {
      await ask();
      while (client.stats.open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal(await ask(), "200 x");
      assert.equal(server.requests.length, 2);
    },
  ));

Deno.test("HttpClient reads the answer of a server that does not read the whole request", () =>
  withRawServer(() => {}, async ({ port }) => {
    // Nothing is read here: the answer comes while the body is on its way.
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const serving = (async () => {
      const conn = await listener.accept();
      await conn.write(new TextEncoder().encode(response(413, "too large", { connection: "close" })));
      return conn;
    })();
    assert.ok(port > 0);
    using client = new HttpClient(new URL(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`));
    let text = "";
    await client.request({
      method: "POST",
      path: "/",
      body: "x".repeat(2 ** 24),
      onHead: ({ status }) => text += status,
      onBody: (bytes) => text += ` ${new TextDecoder().decode(bytes)}`,
    });
    assert.equal(text, "413 too large");
    (await serving).close();
    listener.close();
  }));

Deno.test("HttpClient closes the connection of an aborted request, and fails with the signal's reason", () =>
  withClient(async ({ write, closed }) => {
    await write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
    await closed;
    seen.resolve();
  }, async ({ client, ask }) => {
    seen = Promise.withResolvers();
    const stop = new AbortController();
    await assert.rejects(
      ask({ signal: stop.signal, onBody: () => stop.abort(new Error("enough")) }),
      /enough/,
    );
    await seen.promise;
    assert.deepEqual(client.stats, { open: 0, idle: 0 });
    await assert.rejects(ask({ signal: stop.signal }), /enough/);
  }));
let seen = Promise.withResolvers<void>();

Deno.test("HttpClient fails with what its handler throws, and closes the connection", () =>
  withClient(({ write }) => write(response(200, "abc")), async ({ client, ask }) => {
    const failing = ask({
      onBody: () => {
        throw new TypeError("not to my taste");
      },
    });
    await assert.rejects(failing, /taste/);
    assert.deepEqual(client.stats, { open: 0, idle: 0 });
    assert.equal(await ask(), "200 abc");
  }));

Deno.test("HttpClient names what goes wrong", async (t) => {
  const failing = (name: string, expected: string, answer: (e: RawExchange) => void | Promise<void>) =>
    t.step(name, () => withClient(answer, ({ ask }) => assert.rejects(ask(), kind(expected))));
  await failing("closed before an answer", "disconnected", ({ close }) => close());
  await failing("cut", "cut_stream", ({ write, close }) => write("HTTP/1.1 200 OK\r\nco").then(close));
  await failing("no HTTP", "malformed", ({ write }) => write("hello?\r\n\r\n"));
  const within = { method: "GET", path: "/", onHead() {}, onBody() {} } as const;
  await t.step("refused", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    using client = new HttpClient(new URL(`http://127.0.0.1:${port}`));
    await assert.rejects(client.request(within), kind("refused"));
  });
  await t.step("unreachable", async () => {
    using client = new HttpClient(new URL("http://x.invalid"), {
      connect: () => Promise.reject(new Error("failed to lookup address information")),
    });
    await assert.rejects(client.request(within), kind("unreachable"));
  });
  await t.step("no connection in time, and one too late", async () => {
    const late = Promise.withResolvers<Deno.Conn>();
    using client = new HttpClient(new URL("http://10.0.0.1"), {
      connect: () => late.promise,
      connectTimeoutMs: 1,
    });
    await assert.rejects(client.request(within), kind("connect_timeout"));
    let isClosed = false;
    late.resolve({ close: () => isClosed = true } as unknown as Deno.Conn);
    await late.promise;
    await Promise.resolve();
    assert.ok(isClosed);
  });
});

Deno.test("HttpClient close() fails what is under way", () =>
  withClient(() => {}, async ({ client, ask, server }) => {
    const pending = ask();
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    client.close();
    await assert.rejects(pending, kind("disconnected"));
    assert.equal(client.stats.open, 0);
  }));

Deno.test("HttpClient speaks TLS, and trusts what it is told to", async () => {
  const [cert, key] = await Promise.all([Deno.readTextFile(CERTIFICATE), Deno.readTextFile(KEY)]);
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  await withRawServer(({ write }) => write(response(200, "secret")), async ({ port }) => {
    const get = async (options: HttpClientOptions) => {
      using client = new HttpClient(new URL(`https://localhost:${port}`), options);
      let text = "";
      await client.request({
        method: "GET",
        path: "/",
        onHead() {},
        onBody: (bytes) => text += new TextDecoder().decode(bytes),
      });
      return text;
    };
    assert.equal(await get({ caCerts: [cert] }), "secret");
    await assert.rejects(get({}), kind("unreachable"));
  }, listener);
});
