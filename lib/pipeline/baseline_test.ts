import assert from "node:assert/strict";
import { join } from "node:path";
import { readPredictions } from "../eval/mod.ts";
import { readRequestRecords } from "../load/mod.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { type BaselineSettings, runBaseline } from "./baseline.ts";
import { runStudy } from "./study.ts";
import { inLab as inAnyLab, type Lab, withServed } from "./testing/lab.ts";

const SETTINGS: Omit<BaselineSettings, "model"> = {
  preset: "test",
  variant: "med",
  device: "cpu",
  slots: 4,
  overlong: "reject",
  concurrencies: [1, 2],
  numRequests: 6,
  warmup: 1,
  loadMaxTokens: 8,
  mmluMaxTokens: 4,
  gsm8kMaxTokens: 8,
  mmluMethod: "loglikelihood",
  mmluLimit: 4,
  gsm8kLimit: 2,
  dataSubset: null,
  slo: { ttftMs: 2000, tpotMs: 200, e2eMs: null },
  seed: 1,
};

/** A lab, and the baseline in it. */
function inLab(
  run: (
    lab: Lab & {
      settings: BaselineSettings;
      baseline: (
        changes?: Partial<BaselineSettings>,
        o?: { resume?: boolean; signal?: AbortSignal },
      ) => Promise<string>;
    },
  ) => Promise<void>,
): Promise<void> {
  return inAnyLab((lab) => {
    const { dir, model, dataDir } = lab;
    const settings = { ...SETTINGS, model };
    const baseline: Parameters<typeof run>[0]["baseline"] = async (changes, o) => {
      let text = "";
      await runBaseline({ ...settings, ...changes }, {
        outputDir: join(dir, "out"),
        resume: o?.resume ?? false,
        preprocess: false,
        dataDir,
        command: "deno task baseline",
        print: (t) => text += `${t}\n`,
        signal: o?.signal,
      });
      return text;
    };
    return run({ ...lab, settings, baseline });
  });
}

Deno.test("runBaseline() shows the four steps and leaves every file with the keys that readers know", () =>
  inLab(async ({ dir, baseline }) => {
    const text = await baseline();
    const steps = ["[STEP 1] LOADING DATA", "[STEP 2] INITIALIZING SERVER", "[STEP 3] RUNNING LOAD TESTS"];
    for (const step of [...steps, "[STEP 4] EVALUATING ACCURACY", "FINAL SUMMARY REPORT"]) {
      assert.ok(text.includes(step), `no ${step}`);
    }
    assert.match(text, /THIS IS THE SAMPLE/);
    assert.match(text, /Report: .*report\.html/);

    const out = join(dir, "out");
    const summary = await readJson<Record<string, unknown[]>>(join(out, "summary.json"));
    assert.deepEqual(Object.keys(summary.load_test_summary[0] as object), [
      "concurrency",
      "num_requests",
      "duration_sec",
      "success_rate",
      "throughput_tokens_per_sec",
      "ttft_p99_ms",
      "tpot_p95_ms",
      "e2e_p99_ms",
      "slo_compliance",
      "slo_violations",
    ]);
    assert.equal(summary.data_source, "sample");
    const results = await readJson<Record<string, { total_count: number }>>(join(out, "eval_results.json"));
    assert.deepEqual(["mmlu", "gsm8k", "overall"].map((k) => results[k].total_count), [4, 2, 6]);
    for (const concurrency of [1, 2]) {
      const metrics = await readJson<Record<string, object>>(
        join(out, `metrics_concurrency_${concurrency}.json`),
      );
      for (const key of ["summary", "ttft", "tpot", "e2e_latency", "queue_wait"]) assert.ok(key in metrics);
      const records = await readRequestRecords(join(out, `requests_concurrency_${concurrency}.jsonl`));
      assert.equal(records.length, 6);
      assert.ok(records.every((r) => r.error === null && r.outputTokens <= 8));
    }
    const run = await readJson<Record<string, unknown>>(join(out, "run.json"));
    assert.equal(run.status, "complete");
    assert.match(await Deno.readTextFile(join(out, "report.html")), /<svg/);
  }));

Deno.test("runBaseline() goes on with a stopped run, under its own settings alone, and never overwrites one", () =>
  inLab(async ({ dir, baseline }) => {
    const out = join(dir, "out");
    const stop = new AbortController();
    const stopped = baseline({}, { signal: stop.signal });
    const path = join(out, "requests_concurrency_2.jsonl");
    for (;;) { // stop it inside the second level
      const text = await Deno.readTextFile(path).catch(() => "");
      if (text.includes("\n")) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    stop.abort(new Error("stopped"));
    await assert.rejects(stopped, /stopped/);
    const kept = await Deno.readTextFile(join(out, "requests_concurrency_1.jsonl"));
    const begun = await Deno.readTextFile(path);

    await assert.rejects(
      baseline({ seed: 2 }, { resume: true }),
      (e) => e instanceof BadInput && /Cannot resume .* as seed must be/.test(e.message),
    );
    await baseline({}, { resume: true });
    assert.equal(await Deno.readTextFile(join(out, "requests_concurrency_1.jsonl")), kept);
    assert.ok((await Deno.readTextFile(path)).startsWith(begun));
    assert.equal((await readRequestRecords(path)).length, 6);
    assert.equal((await readPredictions(join(out, "predictions.jsonl"))).length, 6);

    await baseline();
    assert.equal(await Deno.readTextFile(join(dir, "out.1", "requests_concurrency_1.jsonl")), kept);
  }));

Deno.test("runStudy() compares variants question by question and skips those that are complete", () =>
  inLab(async ({ dir, settings }) => {
    const { variant: _, ...rest } = settings;
    const options = {
      outputDir: join(dir, "study"),
      preprocess: false,
      dataDir: join(dir, "data"),
      command: "deno task study",
      print: () => {},
    };
    const study = await runStudy(["base", "cheap"], { ...rest, concurrencies: [2] }, options);
    assert.deepEqual(study.rows.map((r) => r.variant), ["base", "cheap"]);
    assert.ok(study.rows[0].bits_per_weight! > study.rows[1].bits_per_weight!);
    assert.equal(study.comparisons[0].mmlu!.count, 4);
    const before = await Deno.readTextFile(join(dir, "study", "base", "run.json"));
    const again = await runStudy(["base", "cheap"], { ...rest, concurrencies: [2] }, options);
    assert.deepEqual(again, study);
    assert.equal(await Deno.readTextFile(join(dir, "study", "base", "run.json")), before);
    assert.match(await Deno.readTextFile(join(dir, "study", "study.md")), /cheap/);
  }));

Deno.test("runBaseline() drives an endpoint as it drives the engine behind it, and says what it drove", () =>
  inLab(async ({ dir, settings, baseline }) => {
    await baseline();
    await Deno.rename(join(dir, "out"), join(dir, "engine"));
    await withServed(settings.model, ["med"], async (endpoints) => {
      const { model: _, ...endpoint } = endpoints.get("med")!;
      const text = await baseline({ endpoint, model: endpoint.baseUrl, variant: null });
      assert.match(text, /EVALUATION: ENDPOINT http:/);
      await baseline({ endpoint, model: endpoint.baseUrl, variant: null }, { resume: true });
    });
    const of = async (folder: string) => {
      const records = await readRequestRecords(join(dir, folder, "requests_concurrency_1.jsonl"));
      const predictions = await readPredictions(join(dir, folder, "predictions.jsonl"));
      const byId = predictions.sort((a, b) => a.id < b.id ? -1 : 1);
      return {
        answers: records.map((
          r,
        ) => [r.exampleId, r.text, r.inputTokens, r.outputTokens, r.contentTokens, r.error]),
        predictions: byId.map(({ id, predicted, text, error }) => ({ id, predicted, text, error })),
        scores: byId.flatMap((p) => p.scores ?? []),
      };
    };
    const [engine, endpoint] = [await of("engine"), await of("out")];
    assert.deepEqual(endpoint.answers, engine.answers);
    assert.deepEqual(endpoint.predictions, engine.predictions);
    assert.equal(endpoint.scores.length, 16);
    endpoint.scores.forEach((score, i) => assert.ok(Math.abs(score - engine.scores[i]) < 1e-4));

    const run = await readJson<Record<string, unknown>>(join(dir, "out", "run.json"));
    assert.deepEqual([run.status, run.variant, run.model], ["complete", null, { name: "tiny/med" }]);
    const { base_url: baseUrl, ...described } = run.endpoint as Record<string, unknown>;
    assert.match(String(baseUrl), /^http:.*\/v1$/);
    assert.deepEqual(described, { model: "tiny/med", api: "chat", max_model_len: 2048 });
    assert.ok(!("machine" in run) && "client_machine" in run);
    assert.match(await Deno.readTextFile(join(dir, "out", "report.html")), /tiny\/med, http:/);
  }));

Deno.test("runStudy() takes endpoints for variants", () =>
  inLab(async ({ dir, settings }) => {
    const { variant: _, ...rest } = settings;
    await withServed(settings.model, ["base", "cheap"], async (endpoints) => {
      const study = await runStudy(["base", "cheap"], { ...rest, concurrencies: [2] }, {
        outputDir: join(dir, "study"),
        preprocess: false,
        dataDir: join(dir, "data"),
        command: "deno task study",
        print: () => {},
        endpoints,
      });
      assert.deepEqual(study.rows.map((r) => [r.variant, r.bytes]), [["base", null], ["cheap", null]]);
      assert.equal(study.source_bits_per_weight, null);
      assert.equal(study.comparisons[0].mmlu!.count, 4);
      const run = await readJson<{ endpoint: unknown }>(join(dir, "study", "cheap", "run.json"));
      assert.equal((run.endpoint as { model: string }).model, "tiny/cheap");
      assert.match(await Deno.readTextFile(join(dir, "study", "study.md")), /endpoints/);
    });
  }));
