/** The capacity search against a server that no one here wrote: llama.cpp's, with a real model. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { LLAMA_LACKS, withLlama } from "../endpoint/testing/llama_server.ts";
import { readLevels } from "../metrics/mod.ts";
import { readJson } from "../std/files.ts";
import { setQuiet } from "../std/progress.ts";
import { inTemp, needsTest } from "../std/test_support.ts";
import { runCapacity } from "./capacity_run.ts";
import { writeSampleData } from "./testing/lab.ts";

needsTest(
  "a capacity search judges a llama.cpp server by the requests that it answers",
  LLAMA_LACKS,
  () =>
    withLlama((baseUrl) =>
      inTemp(async (dir) => {
        setQuiet(true);
        try {
          const dataDir = join(dir, "data");
          await writeSampleData(dataDir);
          const search = (name: string, ttftMs: number, resume = false) =>
            runCapacity({
              target: { endpoint: { baseUrl } },
              workload: { prompts: "questions", loadMaxTokens: 4, dataSubset: 20, seed: 1 },
              search: { startRate: 2, minRate: 1, maxRate: 4, precision: 0.2, maxProbes: 2 },
              arrivals: "poisson",
              shape: 1,
              attainment: 0.5, // seven requests prove it
              maxProbeRequests: 12,
              maxProbeSeconds: 60,
              minProbeSeconds: 0,
              warmup: 1,
              slo: { ttftMs, tpotMs: null, e2eMs: null },
              seed: 1,
            }, {
              outputDir: join(dir, name),
              resume,
              preprocess: false,
              dataDir,
              command: "deno task capacity",
              print: () => {},
            });

          // A limit that any machine keeps: no rate is too much, however many could be proven.
          const carried = await search("carried", 600_000);
          const met = carried.curve.filter((p) => p.verdict === "met");
          assert.deepEqual(carried.interval, [met.at(-1)?.rate ?? null, null]);
          for (const { verdict, violations, requests, ttft_p50_ms: ttft } of carried.curve) {
            assert.ok(verdict !== "missed" && violations === 0 && requests >= 7 && ttft! > 0);
          }
          assert.deepEqual(await search("carried", 600_000, true), carried);
          for (const { name, records, metrics } of await readLevels(join(dir, "carried"))) {
            const answered = records.filter((r) => r.error === null);
            assert.ok(
              answered.every((r) => r.inputTokens > 20 && r.outputTokens >= 1 && r.outputTokens <= 4),
            );
            assert.ok(answered.every((r) => r.ttftMs! > 0 && r.queueWaitTimeMs === null), name);
            assert.equal(metrics!.summary.total_requests, answered.length);
          }

          // And one that none keeps.
          const missed = await search("missed", 0.001);
          assert.deepEqual(missed.curve.map((p) => [p.rate, p.verdict, p.reason]), [
            [1, "missed", "proven"],
            [2, "missed", "proven"],
          ]);
          assert.deepEqual(missed.interval, [null, 1]);
          const { status, model } = await readJson<Record<string, unknown>>(join(dir, "missed", "run.json"));
          assert.deepEqual([status, model], ["complete", { name: "m" }]);
        } finally {
          setQuiet(false);
        }
      })
    ),
);
