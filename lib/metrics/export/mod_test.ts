import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../../std/errors.ts";
import { readJson, readJsonl, writeJson, writeJsonl } from "../../std/files.ts";
import { inTemp } from "../../std/test_support.ts";
import { toRecord } from "../../types/mod.ts";
import { MetricsCalculator } from "../calculator.ts";
import { requestRecord } from "../testing/record.ts";
import { exportRun } from "./mod.ts";

Deno.test("exportRun() writes each level, in the order of its name, under the run's model", () =>
  inTemp(async (dir) => {
    for (const concurrency of [16, 8]) {
      const name = `concurrency_${concurrency}`;
      const records = [requestRecord({ exampleId: "gsm8k/test/7" }), requestRecord({ requestId: "c1-1" })];
      await writeJsonl(join(dir, `requests_${name}.jsonl`), records.map(toRecord));
      await writeJson(join(dir, `requests_${name}.level.json`), {
        fingerprint: { pattern: "closed_loop", concurrency },
        segments: [{ from_ms: 0, started_at: "2026-01-02T03:04:05.000Z" }],
      });
      const metrics = new MetricsCalculator(records, undefined, { durationMs: 2000 });
      await metrics.saveMetrics(join(dir, `metrics_${name}.json`));
    }
    await writeJson(join(dir, "run.json"), { model: { name: "/models/smollm2.gguf" }, variant: "med" });
    assert.deepEqual(
      await exportRun(dir, "vllm"),
      ["vllm_concurrency_8.json", "vllm_concurrency_16.json"].map((name) => join(dir, name)),
    );
    const { date, backend, model_id, max_concurrency, duration, request_goodput } = await readJson<
      Record<string, unknown>
    >(join(dir, "vllm_concurrency_16.json"));
    assert.deepEqual(
      { date, backend, model_id, max_concurrency, duration, request_goodput },
      {
        date: "20260102-030405",
        backend: "slolab",
        model_id: "smollm2/med",
        max_concurrency: 16,
        duration: 2,
        request_goodput: 1,
      },
    );
    await writeJson(join(dir, "run.json"), {
      model: { name: "org/m" },
      variant: null,
      endpoint: { url: "u" },
    });
    const [path] = await exportRun(dir, "vllm");
    const endpoint = await readJson<Record<string, unknown>>(path);
    assert.deepEqual([endpoint.backend, endpoint.model_id], ["openai-chat", "org/m"]);
    const paths = await exportRun(dir, "aiperf");
    assert.equal(paths[0], join(dir, "aiperf_concurrency_8", "profile_export.jsonl"));
    const lines = await readJsonl<{ metadata: { conversation_id: string } }>(paths[0]);
    assert.deepEqual(lines.map((l) => l.metadata.conversation_id), ["gsm8k/test/7", "mmlu/test/0"]);
    assert.deepEqual(await exportRun(dir, "aiperf"), paths);
  }));

Deno.test("exportRun() says where a folder holds no requests", () =>
  inTemp(async (dir) => {
    const none = (message: RegExp) => (thrown: unknown) =>
      thrown instanceof BadInput && message.test(thrown.message);
    await assert.rejects(
      exportRun(dir, "vllm"),
      none(/must hold the requests of a level .*: there are none$/),
    );
    await assert.rejects(exportRun(join(dir, "x"), "vllm"), none(/must be the folder of a run: there is no/));
  }));
