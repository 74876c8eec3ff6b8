/**
 * A server that streams at a fixed pace, for `deno task bench client`: it answers each request with `max_tokens`
 * tokens, one each `--interval` ms from its arrival on. It prints its port, and ends with its standard input.
 */
const interval = Number(Deno.args[0]);

const encoder = new TextEncoder();
const chunk = (data: string) => {
  const event = `data: ${data}\n\n`;
  return `${event.length.toString(16)}\r\n${event}\r\n`;
};
const event = (rest: string) =>
  `{"id":"chatcmpl-0123456789abcdef0123456789abcdef","object":"chat.completion.chunk","created":1764160000,` +
  `"model":"mock",${rest}}`;
const TOKEN = encoder.encode(
  chunk(event('"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]')),
);
const HEAD = encoder.encode(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" +
    chunk(event('"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]')),
);
const endOf = (tokens: number) =>
  encoder.encode(
    chunk(event('"choices":[{"index":0,"delta":{},"finish_reason":"length"}]')) +
      chunk(
        event(
          `"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":${tokens},"total_tokens":${
            8 + tokens
          }}`,
        ),
      ) +
      chunk("[DONE]") + "0\r\n\r\n",
  );

async function serve(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  const decoder = new TextDecoder();
  for (let received = "";;) {
    const count = await conn.read(buffer);
    if (count === null) return conn.close();
    received += decoder.decode(buffer.subarray(0, count));
    const request = /\r\n\r\n.*"max_tokens":(\d+).*\}$/s.exec(received);
    if (request === null) continue;
    received = "";
    const tokens = Number(request[1]);
    const from = performance.now();
    await conn.write(HEAD);
    for (let i = 1; i <= tokens; i++) {
      const ms = from + i * interval - performance.now();
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      await conn.write(TOKEN);
    }
    await conn.write(endOf(tokens));
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log((listener.addr as Deno.NetAddr).port);
Deno.stdin.readable.pipeTo(new WritableStream()).finally(() => Deno.exit(0));
for await (const conn of listener) serve(conn).catch(() => {});
