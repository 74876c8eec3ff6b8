import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { inTemp } from "../std/test_support.ts";
import { createRandom } from "../math/mod.ts";
import { burst, constant, poisson } from "./arrivals.ts";
import { ClosedLoopLoadGenerator } from "./closed_loop.ts";
import { OpenLoopLoadGenerator, type OpenLoopOptions } from "./open_loop.ts";
import { readRequestRecords } from "./request_log.ts";
import { FakeClock } from "./testing/fake_clock.ts";
import { QueueTarget } from "./testing/queue_target.ts";
import { answer, examples } from "./testing/target.ts";

/** Options for a queue that serves each request for so long, on a clock. */
function queueOptions(clock: FakeClock, serviceMs: number, servers = Infinity) {
  const target = new QueueTarget({ clock, servers, serviceMs: () => serviceMs });
  return {
    target,
    options: {
      infer: target.infer,
      now: clock.now,
      setTimer: clock.setTimer,
      data: examples(20),
      onProgress: () => {},
    },
  };
}

/** Stops a level so long after its first request, as Ctrl-C would. */
function stopAfter<T extends { infer: OpenLoopOptions["infer"] }>(
  clock: FakeClock,
  ms: number,
  options: T,
): T {
  const stop = new AbortController();
  let sent = 0;
  const infer: OpenLoopOptions["infer"] = (item, context) => {
    if (sent++ === 0) clock.setTimer(() => stop.abort(new Error("stopped")), ms);
    return options.infer(item, context);
  };
  return { ...options, infer, signal: stop.signal };
}

Deno.test("run() sends at the planned instants, however long the answers take", async () => {
  const clock = new FakeClock(5000);
  const { target, options } = queueOptions(clock, 10_000);
  const load = new OpenLoopLoadGenerator({ ...options, arrivals: constant(4), numRequests: 50 });
  const records = await clock.run(load.run());
  assert.deepEqual(records.map((r) => r.scheduledAt), records.map((_, i) => 250 * i));
  assert.deepEqual(records.map((r) => r.dispatchedAt), records.map((r) => r.scheduledAt));
  assert.equal(target.mostBusy, 40);
  assert.equal(load.summary.durationMs, 49 * 250 + 10_000);
  assert.deepEqual(records[3].requestId, "open-3");
  assert.equal(records[3].heldMs, undefined);
});

Deno.test("run() does not drift where timers fire late: a delay is of one request, not of all that follow", async () => {
  const random = createRandom(1);
  const clock = new FakeClock(0, () => random.int(4));
  const { options } = queueOptions(clock, 5);
  const records = await clock.run(
    new OpenLoopLoadGenerator({ ...options, arrivals: constant(20), numRequests: 2000 }).run(),
  );
  const delays = records.map((r) => r.dispatchedAt - r.scheduledAt);
  assert.equal(records.at(-1)!.scheduledAt, 1999 * 50);
  assert.ok(delays.every((ms) => ms >= 0 && ms <= 4), `${Math.max(...delays)}`);
  assert.ok(delays.some((ms) => ms > 0));
});

Deno.test("run() times requests from their planned sending where the client was blocked", async () => {
  const clock = new FakeClock();
  const target = new QueueTarget({ clock, servers: Infinity, serviceMs: () => 100 });
  let sent = 0;
  const load = new OpenLoopLoadGenerator({
    infer: (item, context) => {
      if (sent++ === 2) clock.advance(350); // the event loop stands still within the third request
      return target.infer(item, context);
    },
    now: clock.now,
    setTimer: clock.setTimer,
    data: examples(20),
    onProgress: () => {},
    arrivals: constant(10),
    numRequests: 8,
  });
  const records = await clock.run(load.run());
  assert.deepEqual(records.map((r) => r.scheduledAt), [0, 100, 200, 300, 400, 500, 600, 700]);
  assert.deepEqual(records.map((r) => r.dispatchedAt), [0, 100, 200, 550, 550, 550, 600, 700]);
  assert.deepEqual(records.map((r) => r.ttftMs), [100, 100, 450, 100, 100, 100, 100, 100]);
  assert.deepEqual(records.map((r) => r.ttftFromScheduledMs), [100, 100, 450, 350, 250, 150, 100, 100]);
  assert.deepEqual(records.map((r) => r.e2eLatencyMs), records.map((r) => r.ttftFromScheduledMs));
});

Deno.test("run() holds requests back at maxInFlight, and the wait is queue wait", async () => {
  const clock = new FakeClock();
  const { target, options } = queueOptions(clock, 100);
  const load = new OpenLoopLoadGenerator({
    ...options,
    arrivals: burst(5, 10_000),
    numRequests: 6,
    maxInFlight: 2,
  });
  const records = await clock.run(load.run());
  assert.equal(target.mostBusy, 2);
  assert.deepEqual(records.map((r) => r.dispatchedAt), [0, 0, 100, 100, 200, 10_000]);
  assert.deepEqual(records.map((r) => r.queueWaitTimeMs), [0, 0, 100, 100, 200, 0]);
  assert.deepEqual(records.map((r) => r.heldMs), [0, 0, 100, 100, 200, 0]);
  assert.deepEqual(records.map((r) => r.e2eLatencyMs), [100, 100, 200, 200, 300, 100]);
  assert.deepEqual(records.map((r) => r.ttftMs), [100, 100, 100, 100, 100, 100]);
});

Deno.test("run() never has more than maxInFlight in flight, whatever comes when", async () => {
  for (const seed of [1, 2, 3]) {
    const clock = new FakeClock(), random = createRandom(seed);
    const target = new QueueTarget({ clock, servers: Infinity, serviceMs: () => 1 + random.int(400) });
    const load = new OpenLoopLoadGenerator({
      ...queueOptions(clock, 0).options,
      infer: target.infer,
      arrivals: poisson(20, seed),
      numRequests: 300,
      maxInFlight: 3,
    });
    const records = await clock.run(load.run());
    assert.equal(records.length, 300);
    assert.equal(target.mostBusy, 3);
    // The client is never late, so that all of a delay was held.
    for (const r of records) assert.ok(Math.abs(r.dispatchedAt - r.scheduledAt - r.heldMs!) < 2, r.requestId);
  }
});

Deno.test("run() drops a request that could not be sent in time, and times one out from its planned sending", async () => {
  const clock = new FakeClock();
  const { target, options } = queueOptions(clock, 300);
  const load = new OpenLoopLoadGenerator({
    ...options,
    arrivals: burst(4, 10_000),
    numRequests: 4,
    maxInFlight: 1,
    timeoutMs: 500,
  });
  const records = await clock.run(load.run());
  assert.deepEqual(records.map((r) => r.error?.kind ?? null), [null, "timeout", "dropped", "dropped"]);
  assert.deepEqual(records.map((r) => r.doneAt), [300, 500, 500, 500]);
  assert.deepEqual(records.map((r) => r.e2eLatencyMs), [300, null, null, null]);
  assert.equal(target.asked.length, 2);
});

Deno.test("run() ends where onRecord says so: in-flight requests are waited for, or aborted and recorded", async () => {
  for (const end of ["drain", "abort"] as const) {
    const clock = new FakeClock();
    const { options } = queueOptions(clock, 250);
    const records = await clock.run(
      new OpenLoopLoadGenerator({
        ...options,
        arrivals: constant(10),
        numRequests: 100,
        onRecord: (r) => r.requestId === "open-4" ? end : undefined,
      }).run(),
    );
    // Request 4 is done at 650 ms; 5 and 6 are in flight then.
    assert.deepEqual(records.map((r) => r.requestId), [0, 1, 2, 3, 4, 5, 6].map((i) => `open-${i}`));
    assert.deepEqual(
      records.map((r) => r.error?.kind ?? null),
      end === "drain"
        ? [null, null, null, null, null, null, null]
        : [null, null, null, null, null, "stopped", "stopped"],
    );
  }
});

Deno.test("run() stops at the signal while it waits for an instant, and goes on later without the gap", () =>
  inTemp(async (dir) => {
    const requestsPath = join(dir, "requests_open.jsonl");
    const options = (clock: FakeClock) => ({
      ...queueOptions(clock, 100).options,
      arrivals: constant(2),
      numRequests: 6,
      requestsPath,
    });
    const clock = new FakeClock();
    const broken = new OpenLoopLoadGenerator(stopAfter(clock, 1050, options(clock))); // the third is in flight
    await assert.rejects(clock.run(broken.run()), /stopped/);
    assert.equal((await readRequestRecords(requestsPath)).length, 2);
    assert.ok(clock.now() < 1500);

    const later = new FakeClock(1e6);
    const load = new OpenLoopLoadGenerator({ ...options(later), resume: true });
    const records = await later.run(load.run());
    // The level's clock stood at 600 ms, when the last kept request was done.
    assert.deepEqual(records.map((r) => r.scheduledAt), [0, 500, 1000, 1500, 2000, 2500]);
    assert.equal(later.now(), 1e6 + 2600 - 600);
    assert.equal(load.summary.resumed, true);
    assert.deepEqual(load.summary.segments.map((s) => s.fromMs), [0, 600]);

    for (const arrivals of [constant(3), poisson(2, 5)]) {
      await assert.rejects(
        new OpenLoopLoadGenerator({ ...options(later), resume: true, arrivals }).run(),
        (e) => e instanceof BadInput && /Cannot resume .* as (rate|pattern) must be/.test(e.message),
      );
    }
  }));

Deno.test("run() shifts what is left of a plan whose instants have passed, gaps kept", () =>
  inTemp(async (dir) => {
    const requestsPath = join(dir, "requests_open.jsonl");
    const options = (clock: FakeClock) => {
      let n = 0;
      const slowFirst = new QueueTarget({
        clock,
        servers: Infinity,
        serviceMs: () => n++ === 0 ? 5000 : 100,
      });
      const { infer } = slowFirst;
      return {
        ...queueOptions(clock, 0).options,
        infer,
        arrivals: constant(1),
        numRequests: 5,
        requestsPath,
      };
    };
    const clock = new FakeClock();
    const broken = new OpenLoopLoadGenerator(stopAfter(clock, 2500, options(clock)));
    await assert.rejects(clock.run(broken.run()), /stopped/); // the first is still in flight, two are done
    const later = new FakeClock();
    const records = await later.run(new OpenLoopLoadGenerator({ ...options(later), resume: true }).run());
    assert.deepEqual(records.map((r) => r.scheduledAt), [2100, 1000, 2000, 5100, 6100]);
  }));

Deno.test("run() fails where a record cannot be kept, after it aborted what is in flight", async () => {
  const clock = new FakeClock();
  const signals: AbortSignal[] = [];
  const { target, options } = queueOptions(clock, 150);
  await assert.rejects(
    clock.run(
      new OpenLoopLoadGenerator({
        ...options,
        infer: (item, context) => {
          signals.push(context.signal);
          return target.infer(item, context);
        },
        arrivals: constant(10),
        numRequests: 10,
        onRecord: () => {
          throw new Error("the disk is full");
        },
      }).run(),
    ),
    /the disk is full/,
  );
  assert.deepEqual(signals.map((s) => s.aborted), [false, true]);
});

Deno.test("run() keeps the gaps between tokens where asked, chunks of several tokens once", async () => {
  const records = await new OpenLoopLoadGenerator({
    infer: (_, { onToken }) => {
      const at = performance.now();
      for (const ms of [10, 15, 20, 25]) onToken!({ at: at + ms }); // the last is the end token's
      return Promise.resolve(answer(at));
    },
    itls: true,
    arrivals: constant(1000),
    numRequests: 2,
    data: examples(2),
    onProgress: () => {},
  }).run();
  for (const { itlsMs } of records) {
    assert.equal(itlsMs!.length, 2);
    for (const gap of itlsMs!) assert.ok(Math.abs(gap - 5) < 0.01);
  }
});

Deno.test("a closed loop's clients think between an answer and the next request", async () => {
  const clock = new FakeClock();
  const { target, options } = queueOptions(clock, 100);
  const load = new ClosedLoopLoadGenerator({
    ...options,
    maxConcurrency: 2,
    thinkTimeMs: 400,
    numRequests: 6,
  });
  const records = await clock.run(load.run());
  assert.deepEqual(records.map((r) => r.scheduledAt), [0, 0, 500, 500, 1000, 1000]);
  assert.deepEqual(records.map((r) => r.queueWaitTimeMs), [0, 0, 0, 0, 0, 0]);
  assert.equal(target.mostBusy, 2);
  assert.deepEqual(load.summary.load, { pattern: "closed_loop", concurrency: 2, think_time_ms: 400 });
  assert.throws(
    () => new ClosedLoopLoadGenerator({ ...options, maxConcurrency: 1, numRequests: 1, thinkTimeMs: -1 }),
    /think time must be a number of at least 0 ms: it is -1/,
  );
});

Deno.test("bad options of an open loop are one line that says what is wrong", async () => {
  const { options } = queueOptions(new FakeClock(), 1);
  const open = { ...options, arrivals: constant(1), numRequests: 2 };
  assert.throws(() => new OpenLoopLoadGenerator({ ...open, maxInFlight: 0 }), BadInput);
  assert.throws(() => new OpenLoopLoadGenerator({ ...open, numRequests: undefined }), BadInput);
  for (const bad of [{ warmupMs: -1 }, { cooldownMs: NaN }]) {
    await assert.rejects(new OpenLoopLoadGenerator({ ...open, ...bad }).run(), BadInput);
  }
});
