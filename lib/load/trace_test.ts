import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { inTemp, sharedTest } from "../std/test_support.ts";
import { arrivalCv } from "./arrivals.ts";
import { readTrace, thinTrace } from "./trace.ts";

async function read(name: string, text: string) {
  let trace: Awaited<ReturnType<typeof readTrace>> = [];
  await inTemp(async (dir) => {
    await Deno.writeTextFile(join(dir, name), text);
    trace = await readTrace(join(dir, name));
  });
  return trace;
}

const HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

Deno.test("readTrace() reads Azure's CSV to 100 ns, in the order of time", async () => {
  const trace = await read(
    "a.csv",
    `${HEADER}2023-11-16 23:59:59.9999999,374,44\n2023-11-17 00:00:00.5000000,1,2\n2023-11-16 23:59:58,7,0\n\n`,
  );
  assert.deepEqual(trace.map((r) => [r.inputTokens, r.outputTokens]), [[7, 0], [374, 44], [1, 2]]);
  assert.equal(trace[2].atMs, Date.parse("2023-11-17T00:00:00.500Z"));
  assert.ok(Math.abs(trace[1].atMs - trace[0].atMs - 1999.9999) < 1e-3);
});

Deno.test("readTrace() takes line ends of Windows and instants with their zone (Azure's trace of 2024)", async () => {
  const trace = await read(
    "a.csv",
    `${HEADER}2024-05-10 00:00:00.009930+00:00,2162,5\n`.replaceAll("\n", "\r\n"),
  );
  assert.equal(trace[0].inputTokens, 2162);
  assert.ok(Math.abs(trace[0].atMs - Date.parse("2024-05-10T00:00:00Z") - 9.93) < 1e-3);
});

Deno.test("readTrace() reads JSON lines in ms, fields that it does not know left alone", async () => {
  const trace = await read(
    "a.jsonl",
    '{"timestamp": 3000, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}\n' +
      '{"timestamp": 27, "input_length": 10, "output_length": 1}\n',
  );
  assert.deepEqual(trace, [
    { atMs: 27, inputTokens: 10, outputTokens: 1 },
    { atMs: 3000, inputTokens: 6955, outputTokens: 52 },
  ]);
});

Deno.test("readTrace() refuses what is no trace, naming the line", async () => {
  const bad: [string, string, RegExp][] = [
    ["a.csv", "", /first line must be TIMESTAMP,ContextTokens,GeneratedTokens: it is ''/],
    ["a.csv", "a,b\n1,2\n", /it is 'a,b'/],
    ["a.csv", HEADER, /must hold a request: it holds none/],
    ["a.csv", `${HEADER}2023-11-16 18:15:46,1,2\nyesterday,1,2\n`, /line 3 does not/],
    ["a.csv", `${HEADER}2023-11-16 18:15:46,1\n`, /line 2 does not/],
    ["a.csv", `${HEADER}2023-11-16 18:15:46,,2\n`, /line 2 does not/],
    ["a.csv", `${HEADER}2023-11-16 18:15:46,-1,2\n`, /line 2 does not/],
    ["a.csv", `${HEADER}2023-11-16 18:15:46,1.5,2\n`, /line 2 does not/],
    ["a.jsonl", "", /it holds none/],
    ["a.jsonl", '{"timestamp": 1, "input_length": 1}\n', /line 1 does not/],
    ["a.jsonl", '{"timestamp": null, "input_length": 1, "output_length": 1}\n', /line 1 does not/],
    ["a.jsonl", "[1]\n", /line 1 is not/],
  ];
  for (const [name, text, message] of bad) {
    await assert.rejects(
      read(name, text),
      (e) => e instanceof BadInput && message.test(e.message),
      `${message}`,
    );
  }
  await assert.rejects(readTrace("/no/such/trace.csv"), /there is no such file/);
});

Deno.test("thinTrace() draws requests by its seed and keeps them in the order of time", () => {
  const trace = Array.from({ length: 1000 }, (_, i) => ({ atMs: i * i, inputTokens: i, outputTokens: 1 }));
  const thin = thinTrace(trace, 100, 3);
  assert.equal(new Set(thin.map((r) => r.inputTokens)).size, 100);
  assert.deepEqual(thin, thin.toSorted((a, b) => a.atMs - b.atMs));
  assert.deepEqual(thinTrace(trace, 100, 3), thin);
  assert.notDeepEqual(thinTrace(trace, 100, 4), thin);
  assert.deepEqual(thinTrace(trace, 1000, 3), trace);
  for (const count of [0, 1001, 1.5]) assert.throws(() => thinTrace(trace, count, 3), BadInput);
});

sharedTest(
  "the Azure conversation trace reads as its notes say: rows, rate, CV, long prompts",
  async (shared) => {
    const trace = await readTrace(join(shared, "traces", "AzureLLMInferenceTrace_conv.csv"));
    assert.equal(trace.length, 19_366);
    const instants = trace.map((r) => r.atMs);
    assert.equal((1000 * (trace.length - 1) / (instants.at(-1)! - instants[0])).toFixed(1), "5.5");
    assert.equal(arrivalCv(instants)!.toFixed(2), "1.09");
    const share = (tokens: (r: typeof trace[0]) => number) =>
      (100 * trace.filter((r) => tokens(r) > 2048).length / trace.length).toFixed(1);
    assert.equal(share((r) => r.inputTokens), "14.0");
    assert.equal(share((r) => r.inputTokens + r.outputTokens), "14.7");
    // Thinned to a few percent, arrivals come close to a Poisson process.
    const cv = arrivalCv(thinTrace(trace, 600, 1).map((r) => r.atMs))!;
    assert.ok(cv > 0.85 && cv < 1.15, `${cv}`);
  },
);
