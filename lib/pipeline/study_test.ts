import assert from "node:assert/strict";
import { join } from "node:path";
import { summarizePredictions } from "../eval/mod.ts";
import type { Prediction } from "../eval/mod.ts";
import { gsm8kExample, letters, predict } from "../eval/testing/target.ts";
import { MetricsCalculator } from "../metrics/mod.ts";
import { BadInput } from "../std/errors.ts";
import { readJson, writeJson, writeJsonl } from "../std/files.ts";
import { toRecord } from "../types/mod.ts";
import type { BaselineSettings } from "./baseline.ts";
import { saveRun } from "./run_folder.ts";
import { studyTable } from "../report/study.ts";
import { runStudy } from "./study.ts";

const SETTINGS: Omit<BaselineSettings, "variant"> = {
  preset: "study",
  model: "m",
  device: "cpu",
  slots: 4,
  overlong: "reject",
  concurrencies: [8, 1],
  numRequests: 2,
  warmup: 0,
  loadMaxTokens: 128,
  mmluMaxTokens: 16,
  gsm8kMaxTokens: 320,
  mmluMethod: "generate",
  mmluLimit: 4,
  gsm8kLimit: 1,
  dataSubset: null,
  slo: { ttftMs: 2000, tpotMs: 200, e2eMs: null },
  seed: 1,
};

/** What each variant answered: four MMLU letters, of which B is right, and one number, of which 18 is. */
const ANSWERS = { base: ["BBBA", "18"], med: ["BBAA", "18"], cheap: ["BAAB", "17"] } as const;
type Variant = keyof typeof ANSWERS;
const VARIANTS = Object.keys(ANSWERS) as Variant[];

const options = (outputDir: string) => ({
  outputDir,
  preprocess: false,
  command: "deno task study --model m",
  print: () => {},
});

async function writeFinished(dir: string, variant: Variant, fingerprint: object = {}): Promise<void> {
  const [mmlu, gsm8k] = ANSWERS[variant];
  const predictions: Prediction[] = [...letters("law", mmlu), predict(gsm8kExample(0), gsm8k)];
  await saveRun(dir, {
    status: "complete",
    started_at: [],
    fingerprint: { ...toRecord({ ...SETTINGS, variant }), model_sha256: "f00", ...fingerprint },
    data_source: "benchmarks",
    model: { name: "m", source: { bitsPerWeight: 4.9 } },
    bytes: 3e6,
    bits_per_weight: 16,
  });
  await writeJsonl(join(dir, "predictions.jsonl"), predictions.map(toRecord));
  await writeJson(
    join(dir, "eval_results.json"),
    summarizePredictions(predictions, {
      method: { mmlu: "generate", gsm8k: "generate" },
      max_tokens: { mmlu: 16, gsm8k: 320 },
      template_versions: {},
      prompt_hash: "",
      few_shot_ids: { mmlu: [], gsm8k: [] },
      shots: { mmlu: 0, gsm8k: 0 },
      protocol: "slolab",
      chat_template_applied: true,
      seed: 1,
    }),
  );
  for (const concurrency of SETTINGS.concurrencies) {
    await new MetricsCalculator([], SETTINGS.slo, { concurrency })
      .saveMetrics(join(dir, `metrics_concurrency_${concurrency}.json`));
  }
}

async function inStudy(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const variant of VARIANTS) await writeFinished(join(dir, variant), variant);
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("runStudy() pairs every two variants, and does not run those again that are finished", () =>
  inStudy(async (dir) => {
    const study = await runStudy(VARIANTS, SETTINGS, options(dir));
    assert.deepEqual(study.rows.map((r) => [r.variant, r.mmlu.correct_count, r.gsm8k.correct_count]), [
      ["base", 3, 1],
      ["med", 2, 1],
      ["cheap", 2, 0],
    ]);
    assert.deepEqual(study.rows[0].levels.map((l) => l.concurrency), [1, 8]);
    assert.deepEqual(
      study.comparisons.map(({ first, second, mmlu }) => [
        first,
        second,
        mmlu?.difference,
        mmlu?.rightToWrong,
        mmlu?.wrongToRight,
      ]),
      [["base", "med", -0.25, 1, 0], ["base", "cheap", -0.25, 2, 1], ["med", "cheap", 0, 1, 1]],
    );
    const written = await readJson<{ comparisons: { mmlu: Record<string, unknown> }[] }>(
      join(dir, "study.json"),
    );
    assert.equal(written.comparisons[1].mmlu.right_to_wrong, 2);
    assert.equal(await Deno.readTextFile(join(dir, "study.md")), studyTable(study));
  }));

Deno.test("studyTable() is Markdown, and says where the source is itself quantised", () =>
  inStudy(async (dir) => {
    const study = await runStudy(VARIANTS, SETTINGS, options(dir));
    const table = studyTable(study);
    assert.match(table, /^m, source 4\.90 bits a weight\nThe source is itself quantised/);
    assert.match(table, /\| base \| 3 MB \| 16\.00 \| 75\.0% \(3\/4\) \[[\d.]+%, [\d.]+%\] \|/);
    assert.match(
      table,
      /\| cheap - base \| MMLU \| -25\.0 points \[-[\d.]+, [\d.]+\] \| 2 \| 1 \| 3 of 4 \|/,
    );
    assert.doesNotMatch(studyTable({ ...study, source_bits_per_weight: 16 }), /itself quantised/);
  }));

Deno.test("runStudy() refuses variants that were finished under other settings or of another model", () =>
  inStudy(async (dir) => {
    const refuses = (settings: typeof SETTINGS, message: RegExp) =>
      assert.rejects(
        runStudy(VARIANTS, settings, options(dir)),
        (e) => e instanceof BadInput && message.test(e.message),
      );
    await refuses({ ...SETTINGS, mmluLimit: 600 }, /base as mmlu_limit must be .*it was 4, now it is 600/);
    await writeFinished(join(dir, "cheap"), "cheap", { model_sha256: "bad" });
    await refuses(SETTINGS, /cheap as model_sha256 must be/);
  }));
