import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { inTemp } from "../std/test_support.ts";
import { openEndpoint, readEndpoints } from "./config.ts";
import { response, streamOf, withRawServer } from "./testing/raw_server.ts";

const NAMES = ["base", "med", "cheap"] as const;

function read(text: string) {
  let result: Awaited<ReturnType<typeof readEndpoints>>;
  return inTemp(async (dir) => {
    const path = join(dir, "endpoints.json");
    await Deno.writeTextFile(path, text);
    result = await readEndpoints(path, NAMES);
  }).then(() => result);
}

Deno.test("readEndpoints() gives the endpoints of variants in the variants' order", async () => {
  const endpoints = await read(JSON.stringify({
    cheap: {
      endpoint: "http://c:1",
      model: "m4",
      key_variable: "SLOLAB_KEY_CHEAP",
      api: "completions",
      retry_429: 2,
    },
    base: { endpoint: "https://b/v1/" },
  }));
  const unset = { model: undefined, api: undefined, keyVariable: undefined, retry429: undefined };
  assert.deepEqual([...endpoints], [
    ["base", { ...unset, baseUrl: "https://b/v1" }],
    ["cheap", {
      baseUrl: "http://c:1/v1",
      model: "m4",
      api: "completions",
      keyVariable: "SLOLAB_KEY_CHEAP",
      retry429: 2,
    }],
  ]);
});

Deno.test("readEndpoints() says what is wrong with a file", async () => {
  const bad: [text: string, says: RegExp][] = [
    ["{", /must be JSON/],
    ["[]", /must hold an object/],
    ["{}", /must hold an object/],
    ['{"best":{"endpoint":"http://a"}}', /must be a variant \(base, med, cheap\): one is best/],
    ['{"med":{}}', /med\.endpoint must be/],
    ['{"med":{"endpoint":"a"}}', /address must look like/],
    [
      '{"med":{"endpoint":"http://a","api":"grpc"}}',
      /med\.api must be \("chat" \| "completions"\): it is "grpc"/,
    ],
    ['{"med":{"endpoint":"http://a","key":"secret"}}', /med\.key must be a known key/],
    ['{"med":{"endpoint":"http://a","key_variable":"HOME"}}', /med\.key_variable must be SLOLAB_API_KEY/],
  ];
  for (const [text, says] of bad) {
    await assert.rejects(read(text), (e) => e instanceof BadInput && says.test(e.message));
  }
});

Deno.test("openEndpoint() takes the key from the variable that is named", () =>
  withRawServer(({ write, line }) =>
    write(
      line.startsWith("GET")
        ? response(200, '{"data":[{"id":"m"}]}')
        : streamOf(['{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}', "[DONE]"]),
    ), async ({ baseUrl, requests }) => {
    Deno.env.set("SLOLAB_KEY_TEST", "of the variable");
    try {
      const config = { baseUrl, keyVariable: "SLOLAB_KEY_TEST" };
      for (const apiKey of [undefined, "of the flag"]) {
        await using target = await openEndpoint(config, apiKey);
        await target.generate("a", { maxTokens: 1 });
      }
      Deno.env.delete("SLOLAB_KEY_TEST");
      assert.throws(
        () => openEndpoint(config),
        (e) => e instanceof BadInput && /SLOLAB_KEY_TEST must hold/.test(e.message),
      );
    } finally {
      Deno.env.delete("SLOLAB_KEY_TEST");
    }
    assert.deepEqual(requests.map((r) => r.headers.get("authorization")), [
      ...Array(2).fill("Bearer of the variable"),
      ...Array(2).fill("Bearer of the flag"),
    ]);
  }));
