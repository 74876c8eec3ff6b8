import assert from "node:assert/strict";
import { join } from "node:path";
import { pairedDifference, wilson } from "../math/mod.ts";
import { BadInput } from "../std/errors.ts";
import { writeJson } from "../std/files.ts";
import { inTemp } from "../std/test_support.ts";
import { toRecord } from "../types/mod.ts";
import { studyCharts } from "./charts/study.ts";
import type { StudyDocument } from "./study.ts";
import { writeStudyReport } from "./study_report.ts";
import { renderSvg } from "./svg.ts";

const cell = (correct: number, total: number) => ({
  accuracy: correct / total,
  correct_count: correct,
  total_count: total,
  wilson_95: wilson(correct, total),
});
const row = (variant: "base" | "cheap", bytes: number, mmlu: number, gsm8k: number, speed: number) => ({
  variant,
  bytes,
  bits_per_weight: 16,
  mmlu: cell(mmlu, 150),
  gsm8k: cell(gsm8k, 60),
  levels: [1, 8].map((concurrency) => ({
    concurrency,
    throughput_tokens_per_sec: speed * concurrency,
    ttft_p50_ms: 100,
    tpot_p50_ms: 10,
    e2e_p50_ms: 900,
  })),
});
/** Of `total` questions `lost` turn from right to wrong, `won` the other way, the rest are half right. */
function pair(total: number, lost: number, won: number, changed: number) {
  const before = Array.from({ length: total }, (_, i) => i < lost || (i >= lost + won && i % 2 === 0));
  const after = before.map((right, i) => i < lost + won ? !right : right);
  return {
    count: total,
    ...pairedDifference(before, after),
    rightToWrongIds: [],
    wrongToRightIds: [],
    changed,
    unpaired: 0,
  };
}
const STUDY: StudyDocument = {
  model: "m <1.5B>",
  source_bits_per_weight: 5,
  data_source: "benchmarks",
  command: "deno task study --model m",
  rows: [row("base", 3571e6, 56, 32, 2), row("cheap", 1422e6, 55, 20, 5)],
  comparisons: [{
    first: "base",
    second: "cheap",
    mmlu: pair(150, 4, 3, 16),
    gsm8k: pair(60, 14, 2, 36),
    overall: pair(210, 18, 5, 52),
  }],
};

Deno.test("writeStudyReport() says what compression costs and brings, from study.json alone", () =>
  inTemp(async (dir) => {
    await writeJson(join(dir, "study.json"), toRecord(STUDY));
    const page = await Deno.readTextFile(await writeStudyReport(dir));
    const html = page.replaceAll(/<script>.*?<\/script>/gs, "");
    assert.match(html, /m &lt;1\.5B&gt;: base, cheap/);
    assert.match(html, /cheap: GSM8K -20\.0 points \[-[\d.]+, -[\d.]+\]\./); // MMLU's interval holds 0
    assert.match(html, /cheap: 0\.40 of the bytes, 2\.50 times the tokens\/s at concurrency 8\./);
    assert.match(html, /cheap: 52 of 210\./);
    assert.match(html, /itself quantised, to 5\.00 bits a weight/);
    assert.match(html, /deno task study --model m/);
    assert.equal(html.match(/<figure /g)?.length, 3);
    assert.doesNotMatch(html, /NaN|undefined|\[object/);
  }));

Deno.test("writeStudyReport() names what is missing", () =>
  inTemp((dir) =>
    assert.rejects(writeStudyReport(dir), (e) => e instanceof BadInput && /study\.json/.test(e.message))
  ));

Deno.test("studyCharts() draws a mark for each figure, in the variants' colours", async () => {
  const charts = studyCharts(STUDY);
  assert.deepEqual(charts.map((c) => c.id), ["study-accuracy", "study-changes", "study-speed"]);
  const [accuracy, changes, speed] = await Promise.all(charts.map((chart) => renderSvg(chart)));
  const marks = (svg: string, kind: string) =>
    [...svg.matchAll(new RegExp(`<g class="mark-${kind} role-mark[^"]*"[^>]*>(.*?)</g>`, "g"))]
      .reduce((n, [, body]) => n + (body.match(/<(path|line) /g)?.length ?? 0), 0);
  assert.equal(marks(accuracy, "symbol"), 4);
  assert.equal(marks(accuracy, "rule"), 4 + 1);
  assert.equal(marks(changes, "rect"), 6);
  assert.equal(marks(speed, "rect"), 4);
  for (const svg of [accuracy, speed]) {
    assert.match(svg, /#0072B2/);
    assert.match(svg, /#D55E00/);
  }
  assert.deepEqual(studyCharts({ ...STUDY, rows: [], comparisons: [] }), []);
});
