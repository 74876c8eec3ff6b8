/** A capacity search against a server that no one here wrote: llama.cpp's, from its wheel. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DataPreprocessor } from "../data/mod.ts";
import { SampleSource } from "../data/raw_source.ts";
import { fetchTestModel } from "../engine/testing/build_variant.ts";
import { type MetricsDocument, readLevels } from "../metrics/mod.ts";
import { readJson } from "../std/files.ts";
import { setQuiet } from "../std/progress.ts";
import { pythonVenv } from "../std/test_python.ts";
import { ROOT, SHARED, sharedTest } from "../std/test_support.ts";
import { runCapacity } from "./capacity_run.ts";

/** Starts the server on a free port; the address is given once it listens. */
async function startLlama(python: string, shared: string, model: string) {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const child = new Deno.Command(python, {
    args: [join(shared, "peers", "llama_server.py"), model, String(port), "4", "2"],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("LISTENING");) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`llama.cpp's server ended before it listened: ${text}`);
    text += value;
  }
  return {
    endpoint: { baseUrl: `http://127.0.0.1:${port}/v1` },
    async stop() {
      await reader.cancel();
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

const python = SHARED === null ? null : await pythonVenv(["xllamacpp==2026.10.11549"]);

sharedTest("a capacity search judges llama.cpp's server by the requests that it answers", async (shared) => {
  if (python === null) return console.log("skipped: no Python with xllamacpp");
  const server = await startLlama(python, shared, await fetchTestModel(shared, "smollm2"));
  const dir = await Deno.makeTempDir();
  setQuiet(true);
  let text = "";
  const search = (resume: boolean, ttftMs: number, maxProbes: number) =>
    runCapacity({
      target: { endpoint: server.endpoint },
      workload: { prompts: "questions", loadMaxTokens: 4, dataSubset: 20, seed: 1 },
      search: { startRate: 2, minRate: 0.5, maxRate: 4, precision: 0.2, maxProbes },
      arrivals: "poisson",
      shape: 1,
      attainment: 0.5, // proven by 7 requests
      maxProbeRequests: 12,
      maxProbeSeconds: 60,
      minProbeSeconds: 0,
      warmup: 1,
      slo: { ttftMs, tpotMs: null, e2eMs: null },
      seed: 1,
    }, {
      outputDir: join(dir, `out_${ttftMs}`),
      resume,
      preprocess: false,
      dataDir: join(dir, "data"),
      command: "deno task capacity",
      print: (line) => text += `${line}\n`,
    });
  try {
    const source = new SampleSource(join(ROOT, "data", "sample"));
    await new DataPreprocessor({ source, outputDir: join(dir, "data"), onLine: () => {} }).runPipeline();
    // Limits that any machine meets: every rate is carried, up to the highest probed.
    const carried = await search(false, 600_000, 2);
    assert.deepEqual(carried.curve.map((p) => [p.rate, p.verdict]), [[2, "met"], [4, "met"]], text);
    assert.deepEqual(carried.interval, [4, null]);
    assert.deepEqual(await search(true, 600_000, 2), carried);
    for (const { records, metrics } of await readLevels(join(dir, "out_600000"))) {
      const answered = records.filter((r) => r.error === null);
      assert.ok(answered.length >= 7 && answered.every((r) => r.inputTokens > 20 && r.outputTokens <= 4));
      assert.ok(answered.every((r) => r.ttftMs !== null && r.ttftMs > 0 && r.queueWaitTimeMs === null));
      assert.equal((metrics as MetricsDocument).summary.total_requests, answered.length);
    }
    // And one that none meets: down to the lowest rate, nothing is carried.
    const missed = await search(false, 0.001, 3);
    assert.deepEqual(missed.curve.map((p) => [p.rate, p.verdict]), [
      [0.5, "missed"],
      [1, "missed"],
      [2, "missed"],
    ]);
    assert.deepEqual(missed.interval, [null, 0.5]);
    const run = await readJson<{ endpoint: unknown; status: string }>(join(dir, "out_0.001", "run.json"));
    assert.equal(run.status, "complete");
  } finally {
    setQuiet(false);
    await server.stop();
    await Deno.remove(dir, { recursive: true });
  }
});
