import assert from "node:assert/strict";
import { join } from "node:path";
import { DEFAULT_THRESHOLDS } from "../../metrics/mod.ts";
import { BadInput } from "../../std/errors.ts";
import { readJson, writeJson, writeJsonl } from "../../std/files.ts";
import { inTemp } from "../../std/test_support.ts";
import { type TestRun, writeTestRun } from "../testing/run.ts";
import { compareRuns, comparisonPage, comparisonText } from "./mod.ts";

const compare = (a: string, b: string) => compareRuns(a, b, DEFAULT_THRESHOLDS);

/** Two runs, and questions to both, of which the second gets `wrong` more wrong than the first. */
async function inRuns(
  a: TestRun,
  b: TestRun,
  run: (dirA: string, dirB: string) => Promise<void>,
  wrong = 0,
): Promise<void> {
  await inTemp(async (dir) => {
    for (const [name, options, misses] of [["a", a, 0], ["b", b, wrong]] as const) {
      await writeTestRun(join(dir, name), options);
      await writeJsonl(join(dir, name, "predictions.jsonl"), predictions(misses));
    }
    await run(join(dir, "a"), join(dir, "b"));
  });
}

const predictions = (wrong: number, change: Record<string, unknown> = {}) =>
  Array.from({ length: 100 }, (_, i) => ({
    id: `mmlu/test/${i}`,
    dataset: "mmlu",
    gold: "A",
    predicted: i < 40 - wrong ? "A" : "B",
    correct: i < 40 - wrong,
    method: "generate",
    prompt_hash: `h${i}`,
    error: null,
    ...change,
  }));

Deno.test("compareRuns() finds no regression between a run and itself", () =>
  inRuns({}, {}, async (a) => {
    const c = await compare(a, a);
    assert.deepEqual([c.regressions, c.improvements, c.settings, c.notes], [[], [], [], []]);
    assert.deepEqual(c.levels.map((l) => [l.level, l.pairs]), [
      ["concurrency_1", 400],
      ["concurrency_4", 400],
      ["concurrency_8", 400],
    ]);
    assert.equal(c.accuracy[0].difference, 0);
    assert.match(comparisonText(c), /\nNo regression\.\n/);
    assert.match(await comparisonPage(c), /Nowhere that can be told\./);
  }));

Deno.test("compareRuns() names each regression with its change and its interval", () =>
  inRuns({ requests: 600 }, { requests: 600, factor: 1.3, seed: 8 }, async (a, b) => {
    const c = await compare(a, b);
    assert.match(
      c.regressions.find((r) => /^concurrency_8: TTFT p50/.test(r))!,
      /^concurrency_8: TTFT p50 \d+ to \d+ ms, \+\d+ \(\+[23]\d\.\d%\), 95% \[\+\d+, \+\d+\]$/,
    );
    assert.equal(c.improvements.length, 0);
    assert.match(c.regressions.at(-1)!, /^mmlu: accuracy 40\.0% to 25\.0%, -15\.0 points, 95% \[-/);
    const { flips } = c.accuracy.find((d) => d.dataset === "mmlu")!;
    assert.deepEqual([flips?.right_to_wrong, flips?.wrong_to_right, flips?.changed], [15, 0, 15]);
    const back = await compare(b, a);
    assert.equal(back.regressions.length, 0);
    assert.equal(back.improvements.length, c.regressions.length);
    const page = await comparisonPage(c);
    assert.match(page, /<strong>worse<\/strong>/);
    assert.match(
      page,
      /<svg role="img" aria-label="Relative difference of B from A[^"]*TTFT p50 at concurrency_8/,
    );
    assert.match(page, /MMLU, right to wrong: 15/);
    assert.doesNotMatch(
      page.replaceAll(/<script>.*?<\/script>/gs, "") + comparisonText(c),
      /NaN|undefined|\[object/,
    );
  }, 15));

Deno.test("compareRuns() says which levels and examples one run alone has", () =>
  inRuns({ concurrencies: [1, 4] }, { concurrencies: [4, 16], requests: 100 }, async (a, b) => {
    const c = await compare(a, b);
    assert.deepEqual(c.levels.map((l) => [l.level, l.requests, l.pairs]), [
      ["concurrency_4", { a: 400, b: 100 }, 100],
    ]);
    assert.deepEqual([c.levels_of_a_alone, c.levels_of_b_alone], [["concurrency_1"], ["concurrency_16"]]);
    assert.match(c.notes.join(), /concurrency_4: 100 of 400 and 100 requests are of the same examples/);
    assert.match(comparisonText(c), /Levels of B alone:\n {2}concurrency_16\n/);
  }));

Deno.test("compareRuns() lists the settings that differ, once each", () =>
  inRuns({ concurrencies: [1] }, { concurrencies: [1] }, async (a, b) => {
    const run = await readJson<Record<string, unknown>>(join(b, "run.json"));
    await writeJson(join(b, "run.json"), {
      ...run,
      variant: "cheap",
      device: null,
      status: "running",
      started_at: ["2026-02-01T00:00:00.000Z"],
      fingerprint: { variant: "cheap", seed: 7 },
    });
    const c = await compare(a, b);
    assert.deepEqual(c.settings, [
      { setting: "variant", a: "med", b: "cheap" },
      { setting: "device", a: "cpu", b: "none" },
      { setting: "seed", a: "none", b: "7" },
    ]);
    assert.match(comparisonText(c), /Settings that differ:\n {2}variant: med -> cheap\n/);
    assert.match(
      await comparisonPage(c),
      /<title>smollm2-135m-instruct, cheap against .* med, cpu<\/title>/,
    );
  }));

Deno.test("compareRuns() judges both runs by the limits of the first", () =>
  inRuns({ concurrencies: [4] }, { concurrencies: [4] }, async (a, b) => {
    const path = join(b, "metrics_concurrency_4.json");
    const metrics = await readJson<{ summary: Record<string, unknown> }>(path);
    const strict = {
      slo: { ttft_ms: 1, tpot_ms: 1, e2e_ms: null },
      slo_compliance: 0,
      goodput_requests_per_sec: 0,
    };
    await writeJson(path, { ...metrics, summary: { ...metrics.summary, ...strict } });
    const c = await compare(a, b);
    const attainment = c.levels[0].differences.find((d) => d.metric === "slo_compliance")!;
    assert.equal(attainment.difference, 0);
    assert.match(c.notes.join(), /both are judged by A's: TTFT <= 2000 ms, TPOT <= 200 ms/);
  }));

Deno.test("compareRuns() compares accuracies unpaired where the questions were put differently", () =>
  inRuns({ concurrencies: [1] }, { concurrencies: [1] }, async (a, b) => {
    await writeJsonl(join(b, "predictions.jsonl"), predictions(0, { prompt_hash: "other" }));
    const c = await compare(a, b);
    assert.deepEqual(c.accuracy.map((d) => [d.dataset, d.questions.b, d.difference, d.flips]), [
      ["mmlu", 120, 0, null],
      ["gsm8k", 60, 0, null],
      ["overall", 180, 0, null],
    ]);
    assert.match(c.notes.join(), /^Accuracies are compared unpaired: .*their prompts differ\.$/);
  }));

Deno.test("compareRuns() compares a level that was not finished, and says so", () =>
  inRuns({ concurrencies: [4] }, { concurrencies: [4] }, async (a, b) => {
    await Deno.remove(join(b, "metrics_concurrency_4.json"));
    const c = await compare(a, b);
    assert.deepEqual(c.regressions, []);
    assert.match(c.notes.join(), /concurrency_4: B was not complete/);
  }));

Deno.test("compareRuns() says what it cannot compare", () =>
  inTemp(async (dir) => {
    const [a, b] = [join(dir, "a"), join(dir, "b")];
    const fails = (message: RegExp) => (thrown: unknown) =>
      thrown instanceof BadInput && message.test(thrown.message);
    await assert.rejects(compare(a, b), fails(/as it must be the folder of a run: there is no such folder$/));
    await writeTestRun(a, { concurrencies: [1] });
    await writeTestRun(b, { concurrencies: [2] });
    await Deno.remove(join(b, "eval_results.json"));
    await assert.rejects(
      compare(a, b),
      fails(/a level or a data set in common: .*concurrency_1, .*concurrency_2$/),
    );
  }));
