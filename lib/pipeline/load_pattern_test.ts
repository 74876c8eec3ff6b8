import assert from "node:assert/strict";
import { join } from "node:path";
import { arrivalCv, planArrivals } from "../load/mod.ts";
import { BadInput } from "../std/errors.ts";
import { inTemp } from "../std/test_support.ts";
import { type PatternSettings, type PlannedPattern, planPattern } from "./load_pattern.ts";

const open = async (settings: Omit<PatternSettings, "seed">) => {
  const planned = await planPattern({ seed: 1, ...settings });
  assert.equal(planned.kind, "open");
  return planned as PlannedPattern & { kind: "open" };
};
const instants = (planned: PlannedPattern & { kind: "open" }) => [...planArrivals(planned.arrivals, {})];

Deno.test("planPattern() plans every pattern", async () => {
  const closed = await planPattern({ pattern: "closed", concurrency: 4, thinkTimeMs: 5, seed: 1 });
  assert.deepEqual(closed, {
    kind: "closed",
    level: "concurrency_4",
    concurrency: 4,
    thinkTimeMs: 5,
    numRequests: 100,
    notes: [],
  });
  const even = await open({ pattern: "constant", rate: 0.5, numRequests: 3 });
  assert.deepEqual([even.level, instants(even)], ["constant_0.5", [0, 2000, 4000]]);
  const poisson = await open({ pattern: "poisson", rate: 2, durationSeconds: 500 });
  assert.ok(Math.abs(poisson.numRequests - 1000) < 160 && instants(poisson).at(-1)! < 500_000);
  assert.equal((await open({ pattern: "poisson", rate: 2 })).numRequests, 100);
  const gamma = await open({ pattern: "gamma", rate: 5, shape: 0.25, numRequests: 4000 });
  assert.ok(Math.abs(gamma.arrivalCv! - 2) < 0.25);
  assert.equal((await open({ pattern: "ramp", rate: 0, endRate: 10, durationSeconds: 10 })).numRequests, 50);
  const steps = await open({ pattern: "steps", steps: ["2:1", "0:3", "1:2"] });
  assert.deepEqual(instants(steps), [0, 500, 4000, 5000]);
  const burst = await open({ pattern: "burst", burstSize: 2, burstEverySeconds: 1.5, numRequests: 4 });
  assert.deepEqual(instants(burst), [0, 0, 1500, 1500]);
});

Deno.test("planPattern() thins a trace to a rate and squeezes it into a duration, CVs told", () =>
  inTemp(async (dir) => {
    const trace = join(dir, "trace.jsonl");
    const lines = Array.from(
      { length: 1000 },
      (_, i) =>
        JSON.stringify({ timestamp: 1e6 + i * 100 + (i % 2) * 90, input_length: i, output_length: 5 }),
    );
    await Deno.writeTextFile(trace, lines.join("\n"));
    const thin = await open({ pattern: "trace", trace, rate: 2, durationSeconds: 60 });
    assert.equal(thin.numRequests, 120);
    assert.equal(thin.lengths!.length, 120);
    assert.ok(Math.abs(instants(thin).at(-1)! - 60_000) < 1e-6);
    assert.deepEqual(await open({ pattern: "trace", trace, rate: 2, durationSeconds: 60 }), thin);
    assert.match(thin.notes[0], /1000 requests over 100\.0 s; 120 drawn under seed 1, over 60\.0 s/);
    const cvs = /CV: ([\d.]+) before, ([\d.]+) after/.exec(thin.notes[1])!;
    const before = lines.map((l) => JSON.parse(l).timestamp);
    assert.deepEqual(cvs.slice(1).map(Number), [
      Number(arrivalCv(before)!.toFixed(3)),
      Number(thin.arrivalCv!.toFixed(3)),
    ]);

    const cut = await open({ pattern: "trace", trace, durationSeconds: 1 });
    assert.deepEqual(instants(cut), [0, 190, 200, 390, 400, 590, 600, 790, 800, 990]);
    assert.deepEqual(cut.lengths!.map((l) => l.inputTokens), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(instants(await open({ pattern: "trace", trace, timeScale: 2, numRequests: 3 })), [
      0,
      380,
      400,
    ]);
    await assert.rejects(open({ pattern: "trace", trace, rate: 100, durationSeconds: 60 }), /must have them/);
  }));

Deno.test("planPattern() refuses flags that a pattern lacks or does not know", async () => {
  const bad: [Omit<PatternSettings, "seed">, RegExp][] = [
    [{ pattern: "poisson" }, /pattern poisson as it needs --rate/],
    [{ pattern: "ramp", rate: 1, endRate: 2 }, /needs --duration/],
    [{ pattern: "burst", burstSize: 2 }, /needs --burst-every/],
    [{ pattern: "closed", rate: 3 }, /Cannot use --rate as pattern closed takes --concurrency/],
    [{ pattern: "poisson", rate: 1, thinkTimeMs: 4 }, /Cannot use --think-time-ms/],
    [{ pattern: "steps", steps: ["2"] }, /each must be RATE:SECONDS: one is '2'/],
    [{ pattern: "trace", trace: "x", rate: 1, timeScale: 2 }, /both are given/],
    [{ pattern: "steps", steps: ["1:2"], numRequests: 5 }, /it plans 2/],
    [{ pattern: "trace", trace: "/no/such/file" }, /there is no such file/],
  ];
  for (const [settings, message] of bad) {
    await assert.rejects(
      planPattern({ ...settings, seed: 1 }),
      (e) => e instanceof BadInput && message.test(e.message),
      `${message}`,
    );
  }
});
