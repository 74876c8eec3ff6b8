import assert from "node:assert/strict";
import { EventStream } from "./event_stream.ts";

const decoder = new TextDecoder();

Deno.test("EventStream writes an event as it comes, and those that meet a slow reader together", async () => {
  const stream = new EventStream(() => {});
  const reader = stream.body.getReader();
  const next = async () => decoder.decode((await reader.read()).value);
  const first = next();
  stream.push("data: 1\n\n");
  assert.equal(await first, "data: 1\n\n");
  stream.push("data: 2\n\n");
  stream.push("data: 3\n\n");
  stream.push("data: 4\n\n");
  assert.equal(await next(), "data: 2\n\n");
  assert.equal(await next(), "data: 3\n\ndata: 4\n\n");
  stream.push("data: é\n\n");
  stream.push("data: 6\n\n");
  stream.end();
  assert.equal(await next() + await next(), "data: é\n\ndata: 6\n\n");
  assert.equal((await reader.read()).done, true);
});

Deno.test("EventStream tells of a reader that goes away, and takes nothing more", async () => {
  let cancelled = 0;
  const stream = new EventStream(() => cancelled++);
  stream.push("data: 1\n\n");
  await stream.body.cancel();
  assert.equal(cancelled, 1);
  stream.push("data: 2\n\n");
  stream.end();
  assert.equal(cancelled, 1);
});
