import assert from "node:assert/strict";
import { type BenchEngine, contextOf, lines, Meter, sequencesOf } from "./measure.ts";

const CELLS = [{ batch: 2, past: 200 }, { batch: 4, past: 200 }, { batch: 2, past: 900 }];

/** An engine whose steps take 10 ms, prompts 1 ms a token and workloads 500 ms, and what it was told. */
function toyEngine() {
  const clock = { ms: 0 };
  const calls: string[] = [];
  const engine: BenchEngine = {
    steps: {
      read(sequence, ids) {
        calls.push(`read ${sequence} ${ids.length}`);
        clock.ms += ids.length;
        return Promise.resolve();
      },
      decode(first, batch, position) {
        calls.push(`decode ${first}+${batch} ${position}`);
        clock.ms += 10;
        return Promise.resolve();
      },
      truncate(sequence, position) {
        calls.push(`truncate ${sequence} ${position}`);
      },
    },
    serve(requests) {
      clock.ms += 500;
      return Promise.resolve(requests.map(({ tokens }) => Array(tokens).fill(7)));
    },
    close: () => Promise.resolve(),
  };
  const meter = new Meter(engine, CELLS, () => clock.ms);
  const of = (kind: string) => calls.filter((call) => call.startsWith(kind));
  return { calls, of, meter };
}

Deno.test("sequencesOf() gives cells of one past the same sequences, and one to spare", () => {
  const { first, count } = sequencesOf(CELLS);
  assert.deepEqual([...first], [[200, 0], [900, 4]]);
  assert.equal(count, 7);
});

Deno.test("Meter decodes from the same past after each burst, and times steps alone", async () => {
  const { meter, of } = toyEngine();
  const answer = await meter.ask({ kind: "decode", cell: CELLS[0], ms: 500 });
  assert.deepEqual(answer, { tokens: 2 * 50, seconds: 0.5 });
  assert.deepEqual(of("read"), ["read 0 200", "read 1 200"]);
  const positions = of("decode").map((call) => Number(call.split(" ")[2]));
  assert.deepEqual(positions.slice(0, 4), [200, 201, 202, 200]); // warm-up, then the first burst
  assert.equal(Math.max(...positions), 239);
  assert.ok(contextOf(CELLS, [512]) > 939);
  assert.equal(of("truncate 0 200").length, 3);
});

Deno.test("Meter fills each sequence once, until a workload empties it", async () => {
  const { meter, of } = toyEngine();
  await meter.ask({ kind: "decode", cell: CELLS[0], ms: 10 });
  await meter.ask({ kind: "decode", cell: CELLS[1], ms: 10 });
  await meter.ask({ kind: "decode", cell: CELLS[2], ms: 10 });
  const filled = ["read 0 200", "read 1 200", "read 2 200", "read 3 200", "read 4 900", "read 5 900"];
  assert.deepEqual(of("read"), filled);
  await meter.ask({ kind: "serve", requests: [], concurrency: 1 });
  assert.equal(of("truncate 5 0").length, 1);
  await meter.ask({ kind: "decode", cell: CELLS[0], ms: 10 });
  assert.deepEqual(of("read"), [...filled, "read 0 200", "read 1 200"]);
});

Deno.test("Meter reads prompts into a sequence that no cell has", async () => {
  const { meter, calls } = toyEngine();
  const answer = await meter.ask({ kind: "prefill", length: 128, ms: 200 });
  assert.deepEqual(answer, { tokens: 256, seconds: 0.256 });
  assert.deepEqual(calls, Array(3).fill(["read 6 128", "truncate 6 0"]).flat());
});

Deno.test("Meter counts a workload's output tokens", async () => {
  const { meter } = toyEngine();
  const requests = [3, 5].map((tokens) => ({ ids: [1], tokens }));
  const { tokens, seconds, outputs } = await meter.ask({ kind: "serve", requests, concurrency: 2 });
  assert.deepEqual([tokens, seconds, outputs!.map((o) => o.length)], [8, 0.5, [3, 5]]);
});

Deno.test("Meter refuses steps of an engine that has none", () => {
  const meter = new Meter({ serve: () => Promise.resolve([]), close: () => Promise.resolve() }, []);
  assert.throws(() => meter.ask({ kind: "prefill", length: 128, ms: 1 }), /must have steps/);
});

Deno.test("lines() joins what a pipe cuts", async () => {
  const pieces = ["on", "e\ntwo\nthr", "ee\n"].map((text) => new TextEncoder().encode(text));
  assert.deepEqual(await Array.fromAsync(lines(ReadableStream.from(pieces))), ["one", "two", "three"]);
});
