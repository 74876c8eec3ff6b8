import assert from "node:assert/strict";
import { join } from "node:path";
import { readJson, writeJson } from "../std/files.ts";
import { inTemp } from "../std/test_support.ts";
import { writeTestRun } from "../report/testing/run.ts";
import { newestRun, openRun, VERDICT_HEAD, verdictRows } from "./run.ts";
import { settingRows, took } from "./story.ts";

/** Writes a run that was finished at an instant. */
async function writeRun(dir: string, finishedAt: number, status = "complete"): Promise<void> {
  await writeTestRun(dir, { requests: 10, concurrencies: [1] });
  await writeJson(join(dir, "run.json"), { ...await readJson<object>(join(dir, "run.json")), status });
  await Deno.utime(join(dir, "summary.json"), finishedAt, finishedAt);
}

Deno.test("newestRun() takes the run finished last, a study's included, and never a broken one or a notebook's", () =>
  inTemp(async (dir) => {
    assert.equal(await newestRun(dir), null);
    assert.equal(await newestRun(join(dir, "none")), null);
    await writeRun(join(dir, "baseline_med"), 1000);
    assert.equal(await newestRun(dir), join(dir, "baseline_med"));
    await writeRun(join(dir, "study", "cheap"), 2000);
    await writeRun(join(dir, "broken"), 3000, "running");
    await writeRun(join(dir, "notebooks", "quick"), 4000);
    assert.equal(await newestRun(dir), join(dir, "study", "cheap"));
  }));

Deno.test("openRun() and verdictRows() say what a run says, and where it is the sample's", () =>
  inTemp(async (dir) => {
    await writeTestRun(dir, { requests: 40, dataSource: "sample" });
    const run = await openRun(dir);
    assert.equal(run.results?.mmlu.total_count, 120);
    const rows = verdictRows(run);
    assert.ok(rows.every((row) => row.length === VERDICT_HEAD.length));
    const answers = Object.fromEntries(rows) as Record<string, string>;
    assert.equal(answers["What ran?"], "smollm2-135m-instruct, med, cpu");
    assert.match(answers["On what?"], /no results on MMLU/);
    assert.match(answers["Where does it break?"], /concurrency/);
    assert.match(answers["How accurate is it?"], /^MMLU 34\.2% \[.*; GSM8K 3\.3% /);
    assert.match(answers["How is it repeated?"], /^deno task baseline/);
    const settings = Object.fromEntries(settingRows(run.run)) as Record<string, string>;
    assert.equal(settings["machine.cores"], "2");
  }));

Deno.test("took() says how long, and that it was quick", () => {
  assert.match(
    took({ startedAt: performance.now() - 1500, quick: true }),
    /^This notebook took \d+\.\d s in quick mode\.$/,
  );
});
