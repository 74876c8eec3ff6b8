import assert from "node:assert/strict";
import { throughputChart } from "./charts/mod.ts";
import type { Measured } from "./charts/chart.ts";
import { chartsOf, readRun } from "./mod.ts";
import { chartBundle, show, tableBundle, textBundle, VEGALITE_MIME } from "./show.ts";
import { writeTestRun } from "./testing/run.ts";
import { inTemp } from "../std/test_support.ts";

Deno.test("chartBundle() gives each chart as a v5 spec on white, as SVG and as words", () =>
  inTemp(async (dir) => {
    await writeTestRun(dir, { requests: 20 });
    const { levels, evaluation } = await readRun(dir);
    const charts = chartsOf(levels, evaluation);
    assert.equal(charts.length, 5);
    for (const chart of charts) {
      const bundle = await chartBundle(chart);
      const spec = bundle[VEGALITE_MIME] as Record<string, unknown>;
      assert.equal(spec.$schema, "https://vega.github.io/schema/vega-lite/v5.json");
      assert.equal(spec.background, "white");
      assert.match(bundle["image/svg+xml"] as string, /^<svg .*aria-label="[^"]{40,}/);
      assert.ok(bundle["text/plain"].includes(chart.alt));
      assert.deepEqual(JSON.parse(JSON.stringify(bundle)), bundle, "goes through JSON whole");
    }
  }));

Deno.test("tableBundle() escapes, aligns figures at the right and sentences at the left", () => {
  const bundle = tableBundle("A <b>", ["what", "ms", "why"], [["x & y", 12, "because it is"], [
    "z",
    "3.5",
    "so it says",
  ]]);
  assert.equal(
    bundle["text/plain"],
    ["A <b>", "what    ms  why", "x & y   12  because it is", "z      3.5  so it says"].join("\n"),
  );
  const html = bundle["text/html"] as string;
  assert.match(html, /<caption[^>]*>A &lt;b&gt;<\/caption>/);
  assert.match(html, /<td style="text-align: right">3.5<\/td><td style="text-align: left">so it says<\/td>/);
  assert.match(html, /<th scope="row" style="text-align: left">x &amp; y<\/th>/);
});

Deno.test("textBundle() keeps lines and escapes", () => {
  assert.match(textBundle("a\n\t<b>")["text/html"] as string, /<pre [^>]*>a\n\t&lt;b&gt;<\/pre>/);
});

Deno.test("show() prints the words of a chart outside of a notebook", () =>
  inTemp(async (dir) => {
    await writeTestRun(dir, { requests: 20 });
    const { levels } = await readRun(dir);
    const printed: unknown[] = [];
    const log = console.log;
    console.log = (...words) => printed.push(...words);
    try {
      await show(throughputChart(levels as Measured[]));
    } finally {
      console.log = log;
    }
    assert.equal(printed.length, 1);
    assert.match(String(printed[0]), /^Throughput and goodput over concurrency: .*tokens per second/);
  }));
