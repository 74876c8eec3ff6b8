import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import { ProbeJudge, type ProbeJudgement } from "./probe_judge.ts";
import { requestRecord } from "./testing/record.ts";

const slo = { ttftMs: 1000, tpotMs: null, e2eMs: null };

interface Request {
  scheduledAt: number;
  latencyMs: number;
  failed?: boolean;
}

/** Judges requests as they end; a latency beyond the TTFT limit misses. */
function judge(requests: Request[], attainment: number, minMs = 0): ProbeJudgement {
  const probe = new ProbeJudge({ slo, attainment, plan: requests.map((r) => r.scheduledAt), minMs });
  const ended = requests.map((r, sequence) => ({ ...r, sequence, doneAt: r.scheduledAt + r.latencyMs }))
    .toSorted((a, b) => a.doneAt - b.doneAt);
  for (const { sequence, scheduledAt, latencyMs, doneAt, failed } of ended) {
    const record = requestRecord({
      scheduledAt,
      doneAt,
      ttftFromScheduledMs: latencyMs,
      error: failed ? { kind: "dropped", message: "" } : null,
    });
    const judgement = probe.add(sequence, record);
    if (judgement) return judgement;
  }
  return probe.end();
}

/** Evenly spaced requests with a latency each. */
const spaced = (count: number, everyMs: number, latencyMs: (i: number) => number): Request[] =>
  Array.from({ length: count }, (_, i) => ({ scheduledAt: i * everyMs, latencyMs: latencyMs(i) }));

Deno.test("ProbeJudge calls a share met by MLPerf's fewest requests", () => {
  const fast = () => 10;
  assert.deepEqual(judge(spaced(1000, 100, fast), 0.9), {
    verdict: "met",
    reason: "proven",
    requests: 44,
    violations: 0,
  });
  assert.equal(judge(spaced(1000, 100, fast), 0.99).requests, 459);
  assert.deepEqual(judge(spaced(43, 100, fast), 0.9), {
    verdict: "undecided",
    reason: "limit",
    requests: 43,
    violations: 0,
  });
});

Deno.test("ProbeJudge calls a share missed as soon as chance cannot explain the violations", () => {
  const { verdict, reason, requests, violations } = judge(spaced(1000, 5000, (i) => i % 2 ? 2000 : 10), 0.9);
  assert.deepEqual([verdict, reason, requests, violations], ["missed", "proven", 44, 22]);
});

Deno.test("ProbeJudge counts failures as misses", () => {
  const requests = spaced(1000, 5000, () => 10).map((r, i) => ({ ...r, failed: i % 3 === 0 }));
  assert.equal(judge(requests, 0.9).verdict, "missed");
});

Deno.test("ProbeJudge waits for the requests before: quick answers of a slow target prove nothing", () => {
  // Every second request takes 100 s: quick ones alone would make 44 within limits long before.
  const requests = spaced(400, 100, (i) => i % 2 ? 10 : 100_000);
  const { verdict, violations } = judge(requests, 0.9);
  assert.equal(verdict, "missed");
  assert.ok(violations > 0);
});

Deno.test("ProbeJudge calls nothing met before the least time", () => {
  assert.ok(judge(spaced(1000, 100, () => 10), 0.9, 60_000).requests >= 600);
  assert.equal(judge(spaced(100, 100, () => 10), 0.9, 60_000).verdict, "undecided");
});

Deno.test("ProbeJudge ends a probe whose queue grows, before the limits are exceeded", () => {
  for (const load of [1.3, 2, 10]) {
    // One server, service 10 ms: the k-th is done at 10 (k + 1).
    const everyMs = 10 / load;
    const requests = spaced(5000, everyMs, (i) => 10 * (i + 1) - i * everyMs);
    const { verdict, reason, requests: count } = judge(requests, 0.99);
    assert.deepEqual([verdict, reason], ["missed", "queue_grows"], `load ${load}`);
    assert.ok(count < 300, `${count}`);
  }
});

Deno.test("ProbeJudge does not take the filling of an empty target for a growing queue", () => {
  // Any number in parallel, 20 s each, 50 a second: 1,000 are in flight before the first is done.
  const parallel = { ttftMs: null, tpotMs: null, e2eMs: 30_000 };
  const requests = spaced(6000, 20, () => 20_000);
  const probe = new ProbeJudge({ slo: parallel, attainment: 0.9, plan: requests.map((r) => r.scheduledAt) });
  let judgement: ProbeJudgement | null = null;
  requests.forEach(({ scheduledAt, latencyMs }, i) => {
    judgement ??= probe.add(i, requestRecord({ scheduledAt, doneAt: scheduledAt + latencyMs }));
  });
  assert.equal(judgement!.verdict, "met");
});

Deno.test("ProbeJudge leaves a queue that comes and goes alone", () => {
  const random = createRandom(3);
  let growing = 0;
  for (let round = 0; round < 100; round++) {
    let at = 0, free = 0;
    const requests = Array.from({ length: 2000 }, () => { // M/D/1 at a load of 0.8
      at -= 125 * Math.log(1 - random.float());
      free = Math.max(free, at) + 100;
      return { scheduledAt: at, latencyMs: free - at };
    });
    if (judge(requests, 0.999).reason === "queue_grows") growing++;
  }
  assert.ok(growing <= 3, `${growing} of 100`);
});

Deno.test("ProbeJudge, at a share that is exactly the limit, is seldom wrong in spite of its many looks", () => {
  const random = createRandom(7);
  const counts = { met: 0, missed: 0, undecided: 0 };
  for (let round = 0; round < 200; round++) {
    counts[judge(spaced(2000, 5000, () => random.float() < 0.9 ? 10 : 2000), 0.9).verdict]++;
  }
  assert.ok(
    counts.met > 0 && counts.met < 20 && counts.missed > 0 && counts.missed < 20,
    JSON.stringify(counts),
  );
});
