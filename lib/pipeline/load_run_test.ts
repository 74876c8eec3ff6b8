/** Load and capacity end to end, on a tiny model in this process and behind our own server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readRequestRecords } from "../load/mod.ts";
import { type CapacityDocument, type MetricsDocument, readLevels } from "../metrics/mod.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { type CapacitySettings, runCapacity } from "./capacity_run.ts";
import { type LoadRunSettings, runLoad, type RunOptions } from "./load_run.ts";
import type { VariantSettings } from "./load_target.ts";
import { inLab as inAnyLab, LOOSE_SLO, SHORT_SEARCH, withServed } from "./testing/lab.ts";

/** A lab, and what a run in it is given. */
function inLab(
  run: (lab: {
    dir: string;
    target: VariantSettings;
    options: RunOptions;
    /** What was printed. */
    text: () => string;
  }) => Promise<void>,
): Promise<void> {
  return inAnyLab(({ dir, model, dataDir }) => {
    let text = "";
    return run({
      dir,
      target: { model, variant: "med", device: "cpu", slots: 4, context: 512, overlong: "truncate-left" },
      options: {
        outputDir: join(dir, "out"),
        resume: false,
        preprocess: false,
        dataDir,
        command: "deno task load",
        print: (line) => text += `${line}\n`,
      },
      text: () => text,
    });
  });
}

const loadSettings = (
  target: LoadRunSettings["target"],
  change: Partial<LoadRunSettings>,
): LoadRunSettings => ({
  target,
  pattern: { pattern: "constant", rate: 50, numRequests: 8, seed: 1 },
  workload: { prompts: "questions", loadMaxTokens: 4, dataSubset: null, seed: 1 },
  warmup: 1,
  warmupSeconds: 0,
  cooldownSeconds: 0,
  slo: LOOSE_SLO,
  seed: 1,
  ...change,
});

Deno.test("runLoad() replays a trace on the engine: lengths exact or clipped, CVs printed, every file there", () =>
  inLab(async ({ dir, target, options, text }) => {
    const trace = join(dir, "trace.csv");
    const rows = Array.from(
      { length: 60 },
      (_, i) =>
        `2023-11-16 18:15:${String(i).padStart(2, "0")}.5000000,${i % 10 === 0 ? 5000 : 20 + i},${1 + i % 5}`,
    );
    await Deno.writeTextFile(trace, ["TIMESTAMP,ContextTokens,GeneratedTokens", ...rows].join("\n"));
    const summary = await runLoad(
      loadSettings(target, {
        pattern: { pattern: "trace", trace, rate: 40, durationSeconds: 0.5, seed: 3 },
        workload: { prompts: "fitted", loadMaxTokens: 4, dataSubset: null, seed: 1 },
      }),
      options,
    );
    const records = await readRequestRecords(join(dir, "out", "requests_trace_40.jsonl"));
    assert.equal(records.length, 20);
    assert.ok(summary.clipped.prompts > 0);
    assert.match(text(), /60 requests over 59\.0 s; 20 drawn under seed 3, over 0\.5 s/);
    assert.match(text(), /Arrival CV: 0\.000 before, \d\.\d+ after/);
    assert.match(text(), /Clipped to the context of 512 tokens: \d+ of 20 prompts/);
    for (const r of records) {
      assert.equal(r.error, null);
      assert.equal(r.inputTokens + r.outputTokens <= 512, true);
      // The tiny trace's answers tell which row a prompt came from.
      assert.ok(r.inputTokens >= 20 && r.outputTokens >= 1 && r.outputTokens <= 5);
    }
    assert.equal(records.filter((r) => r.inputTokens > 400).length, summary.clipped.prompts);
    const run = await readJson<Record<string, unknown>>(join(dir, "out", "run.json"));
    assert.equal(run.status, "complete");
    const [level] = await readLevels(join(dir, "out"));
    assert.equal(level.load!.pattern, "replay");
    assert.equal(level.metrics!.schedule_delay.count, 20);
    assert.match(await Deno.readTextFile(join(dir, "out", "report.html")), /Did the client keep up/);
  }));

Deno.test("runLoad() goes on with a stopped level under its own settings alone", () =>
  inLab(async ({ dir, target, options }) => {
    const settings = loadSettings(target, {
      pattern: { pattern: "closed", concurrency: 2, thinkTimeMs: 1, numRequests: 8, seed: 1 },
      warmupSeconds: 0.05,
    });
    const path = join(dir, "out", "requests_concurrency_2.jsonl");
    const stop = new AbortController();
    const stopped = runLoad(settings, { ...options, signal: stop.signal });
    while (!(await Deno.readTextFile(path).catch(() => "")).includes("\n")) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    stop.abort(new Error("stopped"));
    // A fast level may have ended by then: it is resumed all the same.
    await stopped.catch((thrown) => assert.match(thrown.message, /stopped/));
    const kept = await Deno.readTextFile(path);
    await assert.rejects(
      runLoad({ ...settings, slo: { ...LOOSE_SLO, tpotMs: 1 } }, { ...options, resume: true }),
      (e) => e instanceof BadInput && /Cannot resume .* as slo must be/.test(e.message),
    );
    const { summary, level } = await runLoad(settings, { ...options, resume: true });
    assert.equal(level, "concurrency_2");
    assert.equal(summary.total_requests + summary.excluded_requests.warmup, 8);
    assert.ok(summary.excluded_requests.warmup >= 1); // the first one, however busy the machine
    assert.ok((await Deno.readTextFile(path)).startsWith(kept));
  }));

Deno.test("runLoad() and runCapacity() drive an endpoint as they do a model", () =>
  inLab(async ({ dir, target, options }) => {
    await withServed(target.model, ["med"], async (endpoints) => {
      const endpoint = { endpoint: endpoints.get("med")!, tokenizer: target.model };
      await runLoad(
        loadSettings(endpoint, {
          workload: {
            prompts: "synthetic",
            inputTokens: 30,
            outputTokens: 5,
            loadMaxTokens: 4,
            dataSubset: null,
            seed: 1,
          },
        }),
        options,
      );
      const records = await readRequestRecords(join(dir, "out", "requests_constant_50.jsonl"));
      assert.deepEqual(
        new Set(records.map((r) => [r.inputTokens, r.outputTokens, r.error].join())),
        new Set(["30,5,"]),
      );

      const settings: CapacitySettings = { ...SHORT_SEARCH, target: { endpoint: endpoint.endpoint } };
      const out = join(dir, "capacity");
      const capacity = await runCapacity(settings, { ...options, outputDir: out });
      assert.equal(capacity.curve.length, 2);
      for (const row of capacity.curve) {
        const metrics = await readJson<MetricsDocument>(join(out, `metrics_probe_${row.probe}.json`));
        assert.equal(row.total_requests, metrics.summary.total_requests);
      }
      assert.deepEqual(await readJson<CapacityDocument>(join(out, "capacity.json")), capacity);
      const csv = (await Deno.readTextFile(join(out, "curve.csv"))).split("\n");
      assert.match(csv[0], /^probe,rate,verdict,reason,.*attainment_ci_lower,attainment_ci_upper$/);
      assert.equal(csv.length, 1 + 2 + 1);
      const spec = await readJson<Record<string, unknown>>(join(out, "curve.vl.json"));
      assert.match(String(spec.$schema), /vega-lite\/v5/);
      assert.match(await Deno.readTextFile(join(out, "report.html")), /What is the capacity/);
    });
  }));

Deno.test("runLoad() refuses what it cannot send, before it leaves anything", () =>
  inLab(async ({ dir, target, options }) => {
    const bad: [Partial<LoadRunSettings>, RegExp][] = [
      [{ pattern: { pattern: "gamma", rate: 1, seed: 1 } }, /needs --shape/],
      [
        { workload: { prompts: "questions", inputTokens: 5, loadMaxTokens: 4, dataSubset: null, seed: 1 } },
        /use --prompts fitted/,
      ],
    ];
    for (const [change, message] of bad) {
      await assert.rejects(
        runLoad(loadSettings(target, change), options),
        (e) => e instanceof BadInput && message.test(e.message),
      );
    }
    await assert.rejects(Deno.stat(join(dir, "out")), Deno.errors.NotFound);
  }));
