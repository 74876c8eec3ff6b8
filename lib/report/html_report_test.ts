import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { BadInput } from "../std/errors.ts";
import { MetricsCalculator, summarizeLevel } from "../metrics/mod.ts";
import { chartsOf, ecdfPoints } from "./charts/mod.ts";
import { writeCharts, writeHtmlReport } from "./html_report.ts";
import { readRun } from "./run_documents.ts";
import { renderSvg } from "./svg.ts";
import { type TestRun, writeTestRun } from "./testing/run.ts";

async function inRun(options: TestRun, run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await writeTestRun(dir, options);
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

Deno.test("writeHtmlReport() makes one page that loads nothing, with its charts as pictures too", () =>
  inRun({}, async (dir) => {
    const path = await writeHtmlReport(dir);
    assert.equal(path, join(dir, "report.html"));
    const page = await Deno.readTextFile(path);
    assert.match(page, /"Content-Security-Policy" content="default-src 'none'/);
    assert.doesNotMatch(page, /<script [^>]|sourceMappingURL/);
    const html = page.replaceAll(/<script>.*?<\/script>/gs, "");
    assert.doesNotMatch(html, /<script|<link|<img|@import|url\((?!#)|\ssrc=/);
    assert.deepEqual(
      new Set(html.match(/https?:[^"'\s<]+/g)),
      new Set(["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"]),
    );
    assert.doesNotMatch(html, /NaN|undefined|\[object/);
    assert.match(html, /smollm2-135m-instruct, med \(8 bit\), cpu/);
    assert.match(html, /A &lt;Processor&gt; &amp; Co/);
    assert.match(html, /deno task baseline --concurrencies 1 4 8 --num-requests 400/);
    assert.match(html, /Met up to concurrency 1\./);
    assert.match(html, /MMLU 34\.2% \(26\.3% to 43\.0%\)/);
    assert.doesNotMatch(html, /Sample data/);
    assert.equal(count(html, /<svg role="img" aria-label="[^"]{40,}"/g), 5);
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((m) => m[1]);
    assert.equal(new Set(ids).size, ids.length);
  }));

Deno.test("writeHtmlReport() says so where the questions are the sample", () =>
  inRun({ dataSource: "sample", requests: 20 }, async (dir) => {
    assert.match(await Deno.readTextFile(await writeHtmlReport(dir)), /Sample data\./);
  }));

Deno.test("writeHtmlReport() leaves out what a run does not hold", () =>
  inRun({ concurrencies: [2], requests: 5 }, async (dir) => {
    for (const name of ["run.json", "metrics_concurrency_2.json", "requests_concurrency_2.jsonl"]) {
      await Deno.remove(join(dir, name));
    }
    const html = await Deno.readTextFile(await writeHtmlReport(dir));
    assert.equal(count(html, /<svg role="img"/g), 1);
    assert.match(html, /Not tested: no load was run/);
  }));

Deno.test("writeHtmlReport() names what is missing or broken", () =>
  inRun({ concurrencies: [1], requests: 5 }, async (dir) => {
    await assert.rejects(
      writeHtmlReport(join(dir, "none")),
      (e) => e instanceof BadInput && /summary\.json/.test(e.message),
    );
    await Deno.writeTextFile(join(dir, "requests_concurrency_1.jsonl"), '{"a":1}\n');
    await assert.rejects(writeHtmlReport(dir), /line 1 is '\{"a":1\}'/);
    await Deno.writeTextFile(join(dir, "summary.json"), '{"rows":[]}');
    await assert.rejects(writeHtmlReport(dir), /must hold load_test_summary: its keys are rows/);
  }));

Deno.test("writeCharts() writes each chart as a picture of its own", () =>
  inRun({ concurrencies: [1, 2], requests: 20 }, async (dir) => {
    const paths = await writeCharts(dir);
    assert.deepEqual(
      paths.map((path) => relative(dir, path)),
      ["latency", "throughput", "slo", "ecdf", "accuracy"].map((id) => join("charts", `${id}.svg`)),
    );
    for (const path of paths) assert.match(await Deno.readTextFile(path), /^<svg [^]*<\/svg>$/);
  }));

Deno.test("chartsOf() draws a mark for each figure and its interval", () =>
  inRun({ concurrencies: [1, 8], requests: 50 }, async (dir) => {
    const { levels, evaluation } = await readRun(dir);
    const charts = chartsOf(levels, evaluation);
    assert.deepEqual(charts.map((c) => c.id), ["latency", "throughput", "slo", "ecdf", "accuracy"]);
    const svg: Record<string, string> = {};
    for (const chart of charts) svg[chart.id] = await renderSvg(chart);
    const shapes = (id: string, mark: string) =>
      [...svg[id].matchAll(new RegExp(`<g class="mark-${mark} role-mark[^"]*"[^>]*>(.*?)</g>`, "g"))]
        .reduce((n, [, body]) => n + count(body, /<(path|line) /g), 0);
    // 4 metrics, 2 levels, 3 percentiles, and 8 x 2 triangles: 50 requests bound neither p95 nor p99
    assert.equal(shapes("latency", "symbol"), 4 * 2 * 3 + 4 * 2 * 2);
    assert.equal(shapes("slo", "symbol"), 2);
    assert.equal(shapes("accuracy", "symbol"), 13);
    assert.equal(shapes("ecdf", "line"), 4);
    assert.match(svg.latency, /stroke-dasharray="3,3"/);
    assert.match(svg.latency, />concurrency \(requests in flight\)</);
    assert.match(svg.latency, />ms</);
    assert.match(charts[0].alt, /p99 in ms: \d+ and \d+ at concurrency 1/);
    assert.doesNotMatch(Object.values(svg).join(), /NaN|undefined/);
    for (const chart of charts) {
      assert.equal(
        (chart.spec as { $schema: string }).$schema,
        "https://vega.github.io/schema/vega-lite/v5.json",
      );
      assert.deepEqual(JSON.parse(JSON.stringify(chart.spec)), chart.spec);
    }
  }));

Deno.test("chartsOf() draws a level in which every request failed, and nothing without documents", async () => {
  const metrics = new MetricsCalculator([], undefined, { concurrency: 1 }).computeAllMetrics();
  const charts = chartsOf([{ concurrency: 1, row: summarizeLevel(1, metrics), metrics, records: [] }], null);
  assert.deepEqual(charts.map((c) => c.id), ["throughput", "slo"]);
  for (const chart of charts) assert.doesNotMatch(await renderSvg(chart), /NaN|undefined/);
  assert.deepEqual(chartsOf([], null), []);
});

Deno.test("ecdfPoints() keeps both ends and at most 200 steps", () => {
  assert.deepEqual(ecdfPoints(Float64Array.of(3, 5)), [[3, 0], [3, 0.5], [5, 1]]);
  assert.deepEqual(ecdfPoints(Float64Array.of(3)), [[3, 0], [3, 1]]);
  const many = ecdfPoints(Float64Array.from({ length: 10_000 }, (_, i) => i));
  assert.equal(many.length, 201);
  assert.deepEqual([many[1], many.at(-1)], [[0, 1 / 10_000], [9999, 1]]);
});
