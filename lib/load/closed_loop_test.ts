import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { readJsonl } from "../std/files.ts";
import { createRandom } from "../math/mod.ts";
import { ClosedLoopLoadGenerator, type ClosedLoopOptions } from "./closed_loop.ts";
import { readRequestRecords } from "./request_log.ts";
import { answer, examples, ManualTarget, settle } from "./testing/target.ts";
import { inTemp } from "../std/test_support.ts";

const quiet = { onProgress: () => {} };

Deno.test("run() keeps exactly maxConcurrency in flight while work lasts, failures included", async () => {
  const target = new ManualTarget();
  const random = createRandom(5);
  const load = new ClosedLoopLoadGenerator({
    infer: target.infer,
    now: target.now,
    maxConcurrency: 4,
    numRequests: 50,
    data: examples(20),
    ...quiet,
  });
  const running = load.run();
  for (let done = 0; done < 50; done++) {
    await settle();
    assert.equal(target.open.length, Math.min(4, 50 - done));
    target.clock += 100;
    const call = target.open[random.int(target.open.length)];
    if (done % 3 === 0) call.fail(new Error("broken"));
    else call.succeed();
  }
  const records = await running;
  assert.equal(records.length, 50);
  assert.equal(records.filter((r) => r.error?.kind === "engine").length, 17);
  assert.deepEqual(records.map((r) => r.requestId), Array.from({ length: 50 }, (_, i) => `c4-${i}`));
  assert.equal(load.summary.durationMs, 5000);
});

Deno.test("run() stamps a request on the level's clock and derives its durations", async () => {
  const target = new ManualTarget();
  target.clock = 1000;
  const load = new ClosedLoopLoadGenerator({
    infer: target.infer,
    now: target.now,
    maxConcurrency: 1,
    numRequests: 3,
    data: examples(3),
    ...quiet,
  });
  const running = load.run();
  for (const tokens of [3, 1, 0]) {
    await settle();
    target.clock += 40;
    target.open[0].succeed(tokens);
  }
  const [three, one, none] = await running;
  assert.deepEqual(
    { ...three, exampleId: "", text: "" },
    {
      requestId: "c1-0",
      exampleId: "",
      dataset: "gsm8k",
      repeat: 0,
      scheduledAt: 0,
      dispatchedAt: 0,
      admittedAt: 1,
      firstTokenAt: 10,
      lastTokenAt: 20,
      doneAt: 40,
      queueWaitTimeMs: 1,
      inferenceTimeMs: 19,
      e2eLatencyMs: 20,
      ttftMs: 10,
      ttftFromScheduledMs: 10,
      tpotMs: 5,
      inputTokens: 7,
      outputTokens: 4,
      contentTokens: 3,
      truncatedTokens: 0,
      finishReason: "stop",
      text: "",
      error: null,
    },
  );
  assert.deepEqual([one.scheduledAt, one.ttftMs, one.tpotMs, one.e2eLatencyMs], [40, 10, null, 10]);
  assert.deepEqual([none.ttftMs, none.tpotMs, none.e2eLatencyMs, none.error], [null, null, 40, null]);
});

Deno.test("run() sends every example once before it repeats one, in an order that the seed decides", async () => {
  const order = async (seed: number) => {
    const load = new ClosedLoopLoadGenerator({
      infer: () => Promise.resolve(answer(performance.now())),
      maxConcurrency: 3,
      numRequests: 25,
      data: examples(10),
      seed,
      ...quiet,
    });
    return await load.run();
  };
  const records = await order(1);
  assert.deepEqual(records.map((r) => r.repeat), Array.from({ length: 25 }, (_, i) => Math.floor(i / 10)));
  for (const from of [0, 10]) {
    assert.equal(new Set(records.slice(from, from + 10).map((r) => r.exampleId)).size, 10);
  }
  const ids = (rs: typeof records) => rs.map((r) => r.exampleId);
  assert.deepEqual(ids(await order(1)), ids(records));
  assert.notDeepEqual(ids(await order(2)), ids(records));
});

Deno.test("run() sends warm-up requests before the clock starts, and keeps no record of them", async () => {
  const target = new ManualTarget();
  const load = new ClosedLoopLoadGenerator({
    infer: target.infer,
    now: target.now,
    maxConcurrency: 2,
    numRequests: 2,
    warmup: 3,
    data: examples(10),
    ...quiet,
  });
  const running = load.run();
  for (let i = 0; i < 5; i++) {
    await settle();
    target.clock += 1000;
    if (i === 1) target.open[0].fail(new Error("cold"));
    else target.open[0].succeed();
  }
  const records = await running;
  assert.deepEqual(target.sent.map((c) => c.requestId), [
    "c2-warmup-0",
    "c2-warmup-1",
    "c2-warmup-2",
    "c2-0",
    "c2-1",
  ]);
  assert.equal(new Set(target.sent.map((c) => c.exampleId)).size, 5);
  assert.deepEqual(records.map((r) => r.scheduledAt), [0, 0]);
  assert.equal(load.summary.warmupRequests, 3);
  assert.equal(load.summary.durationMs, 2000);
});

Deno.test("run() records a timeout, frees the slot, and tells the target", async () => {
  const target = new ManualTarget();
  const load = new ClosedLoopLoadGenerator({
    infer: target.infer,
    maxConcurrency: 1,
    numRequests: 2,
    timeoutMs: 5,
    data: examples(2),
    ...quiet,
  });
  const records = await load.run(); // the target never answers
  assert.deepEqual(records.map((r) => r.error?.kind), ["timeout", "timeout"]);
  assert.ok(target.sent.every((c) => c.signal.aborted));
  assert.deepEqual(records.map((r) => r.e2eLatencyMs), [null, null]);
});

Deno.test("run() names what went wrong: the target's own kind, a prompt that does not fit, an abort", async () => {
  const failures: (() => Promise<never> | never)[] = [
    () => Promise.reject(Object.assign(new Error("slow down"), { kind: "http_429" })),
    () => Promise.reject(new RangeError("too long")),
    () => {
      throw new TypeError("thrown at once,\n  on two lines");
    },
    () => Promise.reject(undefined),
  ];
  let n = 0;
  const load = new ClosedLoopLoadGenerator({
    infer: () =>
      n < failures.length ? failures[n++]() : Promise.resolve({ ...answer(0), finishReason: "abort" }),
    maxConcurrency: 1,
    numRequests: 5,
    data: examples(5),
    ...quiet,
  });
  const records = await load.run();
  assert.deepEqual(records.map((r) => r.error?.kind), ["http_429", "overlong", "engine", "engine", "abort"]);
  assert.equal(records[2].error?.message, "thrown at once, on two lines");
});

Deno.test("run() reports progress after each request", async () => {
  const seen: string[] = [];
  await new ClosedLoopLoadGenerator({
    infer: () => Promise.resolve(answer(0)),
    maxConcurrency: 1,
    numRequests: 3,
    data: examples(2),
    onProgress: (done, total) => seen.push(`${done}/${total}`),
  }).run();
  assert.deepEqual(seen, ["1/3", "2/3", "3/3"]);
});

Deno.test("bad options are one line that says what is wrong", async () => {
  const options: ClosedLoopOptions = {
    infer: () => Promise.resolve(answer(0)),
    maxConcurrency: 1,
    numRequests: 1,
    data: examples(1),
    ...quiet,
  };
  assert.throws(() => new ClosedLoopLoadGenerator({ ...options, maxConcurrency: 0 }), BadInput);
  for (const bad of [{ numRequests: 0 }, { numRequests: 1.5 }, { warmup: -1 }, { data: [] }]) {
    await assert.rejects(new ClosedLoopLoadGenerator({ ...options, ...bad }).run(), BadInput);
  }
});

Deno.test("saveMetrics() writes what readRequestRecords() reads, in snake_case", () =>
  inTemp(async (dir) => {
    const path = join(dir, "requests.jsonl");
    const load = new ClosedLoopLoadGenerator({
      infer: () => Promise.resolve(answer(performance.now())),
      maxConcurrency: 2,
      numRequests: 5,
      data: examples(2),
      ...quiet,
    });
    const records = await load.run();
    await load.saveMetrics(path);
    assert.deepEqual(await readRequestRecords(path), records);
    const [line] = await readJsonl(path);
    assert.deepEqual(Object.keys(line), [
      "request_id",
      "example_id",
      "dataset",
      "repeat",
      "scheduled_at",
      "dispatched_at",
      "admitted_at",
      "first_token_at",
      "last_token_at",
      "done_at",
      "queue_wait_time_ms",
      "inference_time_ms",
      "e2e_latency_ms",
      "ttft_ms",
      "ttft_from_scheduled_ms",
      "tpot_ms",
      "input_tokens",
      "output_tokens",
      "content_tokens",
      "truncated_tokens",
      "finish_reason",
      "text",
      "error",
    ]);
  }));

/** Runs a level until `count` requests are done, then stops it as Ctrl-C would. */
async function runPart(options: ClosedLoopOptions, target: ManualTarget, count: number): Promise<void> {
  const controller = new AbortController();
  const running = new ClosedLoopLoadGenerator({ ...options, signal: controller.signal }).run();
  running.catch(() => {});
  for (let i = 0; i < count; i++) {
    while (target.open.length === 0) await settle();
    target.clock += 10;
    target.open[0].succeed();
    await settle();
  }
  controller.abort(new DOMException("stopped", "AbortError"));
  await assert.rejects(running, /stopped/);
}

Deno.test("run() goes on with the rest after a stop, without the gap, and marks the level", () =>
  inTemp(async (dir) => {
    const requestsPath = join(dir, "requests_concurrency_2.jsonl");
    const target = new ManualTarget();
    const options = {
      infer: target.infer,
      now: target.now,
      maxConcurrency: 2,
      numRequests: 8,
      seed: 3,
      data: examples(5),
      requestsPath,
      fingerprint: { model_sha256: "abc" },
      ...quiet,
    };
    await runPart(options, target, 3);
    assert.equal((await readRequestRecords(requestsPath)).length, 3);
    assert.ok(target.sent.slice(3).every((c) => c.signal.aborted));

    await Deno.writeTextFile(requestsPath, '{"request_id":"c2-4","te', { append: true }); // killed while writing
    const resumed = new ManualTarget();
    resumed.clock = 1_000_000;
    const load = new ClosedLoopLoadGenerator({
      ...options,
      infer: resumed.infer,
      now: resumed.now,
      resume: true,
    });
    const running = load.run();
    for (let i = 0; i < 5; i++) {
      while (resumed.open.length === 0) await settle();
      resumed.clock += 10;
      resumed.open[0].succeed();
    }
    const records = await running;
    const whole = await new ClosedLoopLoadGenerator({
      ...options,
      requestsPath: undefined,
      infer: () => Promise.resolve(answer(0)),
    }).run();
    assert.deepEqual(records.map((r) => r.exampleId), whole.map((r) => r.exampleId));
    assert.equal(resumed.sent.length, 5);
    assert.deepEqual(load.summary.segments.map((s) => s.fromMs), [0, 30]);
    assert.equal(load.summary.resumed, true);
    assert.equal(load.summary.durationMs, 80);
    assert.deepEqual(
      new Set((await readRequestRecords(requestsPath)).map((r) => r.requestId)),
      new Set(records.map((r) => r.requestId)),
    );

    // A finished level is read, not run again.
    const again = new ClosedLoopLoadGenerator({
      ...options,
      resume: true,
      infer: () => Promise.reject(new Error("must not be called")),
    });
    assert.deepEqual(await again.run(), records);
    assert.deepEqual(again.summary, load.summary);
  }));

Deno.test("run() refuses to resume under other settings, data or models, or to overwrite a log", () =>
  inTemp(async (dir) => {
    const requestsPath = join(dir, "requests.jsonl");
    const target = new ManualTarget();
    const options = {
      infer: target.infer,
      now: target.now,
      maxConcurrency: 2,
      numRequests: 4,
      data: examples(5),
      requestsPath,
      fingerprint: { model_sha256: "abc" },
      ...quiet,
    };
    await runPart(options, target, 1);
    const others: [Partial<ClosedLoopOptions>, RegExp][] = [
      [{ maxConcurrency: 3, level: "c2" }, /as concurrency must be .* it was 2, now it is 3/],
      [{ seed: 9 }, /as seed must/],
      [{ numRequests: 5 }, /as num_requests must/],
      [{ data: examples(4) }, /as examples must/],
      [{ fingerprint: { model_sha256: "def" } }, /as model_sha256 must/],
      [{ fingerprint: {} }, /now it is undefined/],
      [{ resume: false }, /must not exist/],
    ];
    const before = await Deno.readTextFile(requestsPath);
    for (const [other, message] of others) {
      await assert.rejects(
        new ClosedLoopLoadGenerator({ ...options, resume: true, ...other }).run(),
        (e) => e instanceof BadInput && message.test(e.message),
      );
    }
    assert.equal(await Deno.readTextFile(requestsPath), before);
    await Deno.writeTextFile(requestsPath, "{}\n" + before);
    await assert.rejects(
      new ClosedLoopLoadGenerator({ ...options, resume: true }).run(),
      /line 1 is '\{\}'/,
    );
  }));

Deno.test("run() begins a level that resume finds not begun", () =>
  inTemp(async (dir) => {
    const load = new ClosedLoopLoadGenerator({
      infer: () => Promise.resolve(answer(0)),
      maxConcurrency: 1,
      numRequests: 2,
      data: examples(2),
      requestsPath: join(dir, "new", "requests.jsonl"),
      resume: true,
      ...quiet,
    });
    assert.equal((await load.run()).length, 2);
    assert.equal(load.summary.resumed, false);
  }));

Deno.test("run() keeps what was finished when the process is killed, and resumes from it", () =>
  inTemp(async (dir) => {
    const requestsPath = join(dir, "requests.jsonl");
    const script = join(dir, "load.ts");
    await Deno.writeTextFile(
      script,
      `import { ClosedLoopLoadGenerator } from ${JSON.stringify(import.meta.resolve("./closed_loop.ts"))};
       import { answer, examples } from ${JSON.stringify(import.meta.resolve("./testing/target.ts"))};
       let sent = 0;
       await new ClosedLoopLoadGenerator({
         infer: () => sent++ < 6 ? Promise.resolve(answer(performance.now())) : new Promise(() => {}),
         maxConcurrency: 2, numRequests: 10, data: examples(10), requestsPath: ${
        JSON.stringify(requestsPath)
      },
         onProgress: (done) => { if (done === 6) { console.log("six"); setInterval(() => {}, 1000); } },
       }).run();`,
    );
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--allow-read", "--allow-write", script],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGKILL");
    await reader.cancel();
    await child.status;
    assert.equal((await readRequestRecords(requestsPath)).length, 6);

    const sent: string[] = [];
    const load = new ClosedLoopLoadGenerator({
      infer: (_, { requestId }) => {
        sent.push(requestId);
        return Promise.resolve(answer(performance.now()));
      },
      maxConcurrency: 2,
      numRequests: 10,
      data: examples(10),
      requestsPath,
      resume: true,
      ...quiet,
    });
    assert.equal((await load.run()).length, 10);
    assert.deepEqual(sent, ["c2-6", "c2-7", "c2-8", "c2-9"]);
  }));
