import assert from "node:assert/strict";
import { join } from "node:path";
import { writeJson, writeJsonl } from "../std/files.ts";
import { inTemp } from "../std/test_support.ts";
import { toRecord } from "../types/mod.ts";
import { MetricsCalculator } from "./calculator.ts";
import { readLevels } from "./level_files.ts";
import { metricsText } from "./text.ts";
import { requestRecord } from "./testing/record.ts";

Deno.test("readLevels() finds levels of every pattern, in the order of their names, whole or not", () =>
  inTemp(async (dir) => {
    await writeJsonl(join(dir, "requests_concurrency_16.jsonl"), []);
    await writeJsonl(join(dir, "requests_concurrency_2.jsonl"), [toRecord(requestRecord())]);
    await new MetricsCalculator([]).saveMetrics(join(dir, "metrics_poisson_0.5.json"));
    await writeJson(join(dir, "requests_concurrency_2.level.json"), {
      fingerprint: { pattern: "closed_loop", concurrency: 2 },
      segments: [{ from_ms: 5, started_at: "2026-01-01T00:00:00.000Z" }],
    });
    await writeJson(join(dir, "summary.json"), {});
    const levels = await readLevels(dir);
    assert.deepEqual(
      levels.map((l) => [l.name, l.records.length, l.metrics !== null, l.load?.pattern, l.segments]),
      [
        ["concurrency_2", 1, false, "closed_loop", [{ fromMs: 5, startedAt: "2026-01-01T00:00:00.000Z" }]],
        ["concurrency_16", 0, false, undefined, []],
        ["poisson_0.5", 0, true, undefined, []],
      ],
    );
  }));

Deno.test("readLevels() leaves out what the metrics left out", () =>
  inTemp(async (dir) => {
    const records = [300, 0, 100, 200, 400].map((scheduledAt) => requestRecord({ scheduledAt }));
    const metrics = new MetricsCalculator(records, undefined, {
      warmupMs: 150,
      cooldownMs: 50,
      durationMs: 600,
    });
    await writeJsonl(join(dir, "requests_a.jsonl"), records.map(toRecord));
    await metrics.saveMetrics(join(dir, "metrics_a.json"));
    const [level] = await readLevels(dir);
    assert.deepEqual(level.records.map((r) => r.scheduledAt), [200, 300]);
    assert.equal(level.metrics!.summary.total_requests, 2);
  }));

Deno.test("metricsText() shows files from before there were windows as without them", () =>
  inTemp(async (dir) => {
    const path = join(dir, "metrics_concurrency_1.json");
    const now = new MetricsCalculator([requestRecord()]).computeAllMetrics();
    const { schedule_delay: _, summary: { excluded_requests: __, ...summary }, ...metrics } = now;
    await writeJson(path, { ...metrics, summary });
    const [{ metrics: read }] = await readLevels(dir);
    assert.deepEqual(read!.summary, now.summary);
    assert.deepEqual([read!.schedule_delay.count, read!.schedule_delay.p50], [0, null]);
    assert.equal(metricsText(read!), metricsText(now));
  }));
