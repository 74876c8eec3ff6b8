/** Capacity against queues whose capacity is known, on a fake clock. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { constant, type Infer, type LoadItem, poisson, readRequestRecords } from "../load/mod.ts";
import { FakeClock } from "../load/testing/fake_clock.ts";
import { QueueTarget } from "../load/testing/queue_target.ts";
import { examples } from "../load/testing/target.ts";
import { createRandom } from "../math/mod.ts";
import type { ProbeRow } from "../metrics/mod.ts";
import { readJson, readJsonl } from "../std/files.ts";
import { inTemp } from "../std/test_support.ts";
import { type CapacityOptions, searchCapacity } from "./capacity.ts";

type Options = CapacityOptions<LoadItem>;

/** Options for a search; the queue is M/D/1 or D/D/1 with a service of `serviceMs`. */
function optionsOf(dir: string, clock: FakeClock, serviceMs: number, change: Partial<Options> = {}): Options {
  return {
    infer: new QueueTarget({ clock, serviceMs: () => serviceMs }).infer,
    data: examples(20),
    arrivalsAt: (rate) => poisson(rate, 5),
    slo: { ttftMs: 5 * serviceMs, tpotMs: null, e2eMs: null },
    attainment: 0.9,
    startRate: 1,
    minRate: 1e-4,
    maxRate: 1e4,
    precision: 0.1,
    maxProbes: 30,
    maxProbeRequests: 5000,
    maxProbeMs: 1e9,
    minProbeMs: 300 * serviceMs,
    warmup: 1,
    seed: 1,
    outputDir: dir,
    now: clock.now,
    setTimer: clock.setTimer,
    onProgress: () => {},
    ...change,
  };
}

/** The highest load at which an M/D/1 queue with service 1 keeps a share of waits + service within a limit. */
function mdOneCapacity(limit: number, attainment: number): number {
  const share = (load: number) => {
    const random = createRandom(99);
    let wait = 0, met = 0;
    for (let i = 0; i < 200_000; i++) {
      if (wait + 1 <= limit) met++;
      wait = Math.max(0, wait + 1 + Math.log(1 - random.float()) / load);
    }
    return met / 200_000;
  };
  let low = 0.1, high = 1;
  while (high - low > 0.002) {
    const middle = (low + high) / 2;
    if (share(middle) >= attainment) low = middle;
    else high = middle;
  }
  return low;
}

Deno.test("searchCapacity() brackets the capacity of a server that takes evenly spaced requests", () =>
  inTemp(async (dir) => {
    const clock = new FakeClock();
    const slo = { ttftMs: 20_000, tpotMs: null, e2eMs: null }; // far off: the queue's growth tells first
    const capacity = await clock.run(
      searchCapacity(optionsOf(dir, clock, 100, { arrivalsAt: constant, slo })),
    );
    const [lower, upper] = capacity.interval; // 10 requests a second are carried for ever
    assert.ok(lower! <= 10 && lower! > 8.5 && upper! > 10 && upper! <= 1.1 * lower!, `${lower} ${upper}`);
    assert.equal(capacity.capacity_requests_per_sec, lower);
    assert.ok(capacity.curve.filter((p) => p.verdict === "missed").every((p) => p.reason === "queue_grows"));
    assert.deepEqual(await readJson(join(dir, "capacity.json")), capacity);
  }));

Deno.test("searchCapacity() finds the capacity of an M/D/1 queue, fast and below 1 request a second", async () => {
  const load = mdOneCapacity(5, 0.9);
  assert.ok(load > 0.7 && load < 0.85, `${load}`);
  for (const serviceMs of [20, 2000]) {
    await inTemp(async (dir) => {
      const clock = new FakeClock();
      const { interval, curve } = await clock.run(searchCapacity(optionsOf(dir, clock, serviceMs)));
      const [lower, upper] = interval.map((rate) => rate! * serviceMs / 1000);
      // A probe is a sample: within 15% of what 200,000 requests say.
      assert.ok(lower <= 1.15 * load && upper >= load / 1.15, `${lower} to ${upper}, not ${load}`);
      assert.ok(lower >= load / 1.3 && upper <= 1.3 * load, `${lower} to ${upper}, not ${load}`);
      assert.ok(curve.every((p, i) => i === 0 || p.rate > curve[i - 1].rate));
      const carried = curve.filter((p) => p.verdict === "met");
      assert.ok(carried.every((p) => Math.abs(p.throughput_requests_per_sec! / p.rate - 1) < 0.3));
    });
  }
});

Deno.test("searchCapacity() finds a capacity that failures set, where no queue grows", () =>
  inTemp(async (dir) => {
    const clock = new FakeClock();
    const target = new QueueTarget({ clock, servers: Infinity, serviceMs: () => 100 });
    let last = -Infinity;
    // It refuses a request that comes within 100 ms of another, 1 - exp(-rate / 10) of them: 10% at 1.05 a second.
    const infer: Infer<LoadItem> = (item, context) => {
      const at = clock.now(), refused = at - last < 100;
      last = at;
      return refused
        ? Promise.reject(Object.assign(new Error("busy"), { kind: "http_429" }))
        : target.infer(item, context);
    };
    const { interval: [lower, upper] } = await clock.run(
      searchCapacity(optionsOf(dir, clock, 100, { infer, maxProbeRequests: 1500 })),
    );
    assert.ok(lower! > 0.8 && lower! < 1.15 && upper! > 0.95 && upper! < 1.4, `${lower} ${upper}`);
  }));

Deno.test("a probe that cannot be judged within its limits is undecided, and widens the interval", () =>
  inTemp(async (dir) => {
    const clock = new FakeClock();
    const rows: ProbeRow[] = [];
    const { interval, undecided_rates } = await clock.run(searchCapacity(optionsOf(dir, clock, 100, {
      maxProbeRequests: 60, // enough where nothing misses, too few where one in ten does
      minProbeMs: 0,
      onProbe: (row) => rows.push(row),
    })));
    assert.ok(
      undecided_rates.length > 0 && undecided_rates.every((r) => r > interval[0]! && r < interval[1]!),
    );
    for (const row of rows.filter((r) => r.verdict === "undecided")) {
      assert.equal(row.reason, "limit");
      assert.equal(row.requests, 60);
    }
    assert.ok(interval[0]! > 4 && interval[1]! < 16, `${interval}`);

    const short = await clock.run(
      searchCapacity(optionsOf(join(dir, "short"), clock, 100, { maxProbeMs: 20_000, minRate: 0.5 })),
    ); // 20 s hold fewer than 44 requests at 1 a second and below
    assert.deepEqual(short.curve.map((p) => [p.rate, p.verdict]), [[0.5, "undecided"], [1, "undecided"]]);
    assert.deepEqual(short.interval, [null, null]);
  }));

Deno.test("a search that was stopped within a probe goes on from the probes that it judged", () =>
  inTemp(async (dir) => {
    const whole = new FakeClock();
    const expected = await whole.run(
      searchCapacity(optionsOf(join(dir, "whole"), whole, 100, { arrivalsAt: constant })),
    );
    const out = join(dir, "broken");
    const clock = new FakeClock(), stop = new AbortController();
    const options = optionsOf(out, clock, 100, { arrivalsAt: constant });
    const asked: string[] = [];
    const infer: Infer<LoadItem> = (item, context) => {
      asked.push(context.requestId);
      if (context.requestId === "probe_4-7") stop.abort(new Error("stopped"));
      return options.infer(item, context);
    };
    await assert.rejects(
      clock.run(searchCapacity({ ...options, infer, signal: stop.signal })),
      /stopped/,
    );
    assert.equal((await readJsonl(join(out, "probes.jsonl"))).length, 3);
    const kept = await Deno.readTextFile(join(out, "requests_probe_4.jsonl"));

    asked.length = 0;
    const resumed = await clock.run(searchCapacity({
      ...options,
      infer: (item, context) => {
        asked.push(context.requestId);
        return options.infer(item, context);
      },
    }));
    assert.equal(asked[0], "probe_4-warmup-0");
    assert.deepEqual(
      resumed.curve.map((p) => [p.probe, p.rate, p.verdict]),
      expected.curve.map((p) => [p.probe, p.rate, p.verdict]),
    );
    assert.equal(await Deno.readTextFile(join(out, "broken_probe_4.1.jsonl")), kept);
    const last = await readRequestRecords(join(out, `requests_probe_${resumed.curve.length}.jsonl`));
    assert.ok(last.length > 0);

    asked.length = 0; // a finished search asks for nothing
    assert.deepEqual(await clock.run(searchCapacity({ ...options, infer })), resumed);
    assert.equal(asked.length, 0);
  }));
