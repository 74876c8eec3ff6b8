import assert from "node:assert/strict";
import { EndpointError } from "./errors.ts";
import { ResponseParser } from "./response_parser.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Parses a response given in pieces, and the end of its connection where it is told to. */
function parse(pieces: Uint8Array[], closes = false) {
  const decoder = new TextDecoder();
  const read = { status: 0, headers: {} as Record<string, string>, body: "" };
  const parser = new ResponseParser({
    onHead: (head) => {
      read.status = head.status;
      read.headers = Object.fromEntries(head.headers);
    },
    onBody: (bytes) => read.body += decoder.decode(bytes, { stream: true }),
  });
  for (const piece of pieces) parser.push(piece);
  if (closes) parser.end();
  return { ...read, done: parser.done, keepAlive: parser.keepAlive };
}

/** A response at once, byte by byte, and cut in two at every place: all must give the same. */
function parseAnyhow(text: string, closes = false) {
  const bytes = encode(text);
  const whole = parse([bytes], closes);
  assert.deepEqual(parse([...bytes].map((byte) => Uint8Array.of(byte)), closes), whole);
  for (let at = 1; at < bytes.length; at++) {
    assert.deepEqual(parse([bytes.subarray(0, at), bytes.subarray(at)], closes), whole);
  }
  return whole;
}

const OK = "HTTP/1.1 200 OK\r\n";

Deno.test("ResponseParser reads a body of known length, however it is cut", () => {
  const { headers, ...read } = parseAnyhow(`${OK}Content-Length: 6\r\nX-A: 1\r\nx-a:  2 \r\n\r\naé\nbc`);
  assert.deepEqual(headers, { "content-length": "6", "x-a": "1, 2" });
  assert.deepEqual(read, { status: 200, body: "aé\nbc", done: true, keepAlive: true });
});

Deno.test("ResponseParser reads chunks with extensions and trailers, however they are cut", () => {
  const chunks = '5\r\nhello\r\nB;name="x"\r\n, world! é\r\n01\r\n.\r\n0\r\nx-checksum: 1\r\n\r\n';
  const { body, done, keepAlive } = parseAnyhow(`${OK}transfer-encoding: chunked\r\n\r\n${chunks}`);
  assert.deepEqual([body, done, keepAlive], ["hello, world! é.", true, true]);
});

Deno.test("ResponseParser takes bare line feeds for line ends", () => {
  const text = `${OK}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`.replaceAll("\r\n", "\n");
  assert.deepEqual([parseAnyhow(text).body, parseAnyhow(text).done], ["ab", true]);
});

Deno.test("ResponseParser reads to the end of the connection where no length is told", () => {
  const { body, done, keepAlive } = parseAnyhow(`${OK}\r\nall of it`, true);
  assert.deepEqual([body, done, keepAlive], ["all of it", true, false]);
});

Deno.test("ResponseParser passes interim responses over, and knows responses without a body", () => {
  const interim = parseAnyhow(
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}content-length: 1\r\n\r\nx`,
  );
  assert.deepEqual([interim.status, interim.headers, interim.body], [200, { "content-length": "1" }, "x"]);
  assert.equal(parseAnyhow("HTTP/1.1 204 No Content\r\n\r\n").done, true);
  assert.equal(parseAnyhow(`${OK}content-length: 0\r\n\r\n`).done, true);
});

Deno.test("ResponseParser knows whether the connection may be kept", () => {
  const keeps = (text: string) => parse([encode(text)]).keepAlive;
  assert.equal(keeps(`${OK}connection: close\r\ncontent-length: 0\r\n\r\n`), false);
  assert.equal(keeps("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"), false);
  assert.equal(keeps("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 0\r\n\r\n"), true);
  assert.equal(keeps(`${OK}content-length: 1\r\n\r\nab`), false);
});

Deno.test("ResponseParser tells a cut response from none", () => {
  const kind = (text: string) => {
    try {
      parse([encode(text)], true);
      return "none";
    } catch (thrown) {
      return (thrown as EndpointError).kind;
    }
  };
  assert.equal(kind(""), "disconnected");
  for (
    const text of [
      OK,
      `${OK}content-length: 3\r\n\r\nab`,
      `${OK}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n`,
    ]
  ) {
    assert.equal(kind(text), "cut_stream");
  }
});

Deno.test("ResponseParser refuses what is no HTTP/1.1", () => {
  const bad = {
    "SSH-2.0-OpenSSH\r\n\r\n": /must be HTTP/,
    "HTTP/2 200\r\n\r\n": /must be HTTP/,
    [`${OK}: x\r\n\r\n`]: /header must have a name/,
    [`${OK}content-length: -1\r\n\r\n`]: /content-length/,
    [`${OK}content-length: 1, 2\r\n\r\n`]: /content-length/,
    [`${OK}transfer-encoding: gzip, chunked\r\n\r\n`]: /must be chunked/,
    [`${OK}transfer-encoding: chunked\r\n\r\n\r\nab`]: /no digit/,
    [`${OK}transfer-encoding: chunked\r\n\r\nx\r\n`]: /no digit/,
    [`${OK}transfer-encoding: chunked\r\n\r\n1\r\nabc`]: /end with its size/,
    [`${OK}transfer-encoding: chunked\r\n\r\n1111111111111\r\n`]: /must be short/,
    ["x".repeat(70_000)]: /within/,
  };
  for (const [text, message] of Object.entries(bad)) {
    assert.throws(
      () => parse([encode(text)]),
      (e) => e instanceof EndpointError && e.kind === "malformed" && message.test(e.message),
    );
  }
});
