import assert from "node:assert/strict";
import type { TracedStep } from "../../engine/traced_runner.ts";
import { renderSvg } from "../svg.ts";
import { arrivalChart, slotChart, slotSpans } from "./serving.ts";

const step = (kind: "prefill" | "decode", slots: number[], start: number | null, from: number, to: number) =>
  ({
    kind,
    slots,
    start,
    positions: kind === "prefill" ? 8 : slots.length,
    beganAt: from,
    endedAt: to,
  }) as TracedStep;

Deno.test("slotSpans() joins neighbouring steps of a request and numbers requests as they are admitted", () => {
  const spans = slotSpans([
    step("prefill", [0], 0, 100, 110),
    step("prefill", [0], 8, 110, 120),
    step("prefill", [1], 0, 120, 130),
    step("decode", [0, 1], null, 131, 140),
    step("decode", [0, 1], null, 141, 150),
    step("prefill", [2], 0, 150, 170),
    step("decode", [0, 2], null, 171, 180),
    step("prefill", [1], 0, 180, 190),
  ]);
  assert.deepEqual(spans.map((s) => [s.slot, s.request, s.kind, s.fromMs, s.toMs, s.steps, s.positions]), [
    [0, 1, "prefill", 0, 20, 2, 16],
    [1, 2, "prefill", 20, 30, 1, 8],
    [0, 1, "decode", 31, 50, 2, 2],
    [1, 2, "decode", 31, 50, 2, 2],
    [2, 3, "prefill", 50, 70, 1, 8],
    [0, 1, "decode", 71, 80, 1, 1],
    [2, 3, "decode", 71, 80, 1, 1],
    [1, 4, "prefill", 80, 90, 1, 8],
  ]);
  assert.deepEqual(slotSpans([]), []);
});

Deno.test("slotChart() draws a bar for each stretch and the number of each request", async () => {
  const spans = slotSpans([
    step("prefill", [0], 0, 0, 5),
    step("decode", [0], null, 5, 9),
    step("prefill", [1], 0, 9, 12),
  ]);
  const chart = slotChart(spans);
  assert.match(chart.alt, /^2 requests in 2 slots over 12 ms/);
  const svg = await renderSvg(chart);
  assert.equal(svg.match(/class="mark-rect role-mark spans_marks".*?<\/g>/s)![0].match(/<path /g)!.length, 3);
});

Deno.test("arrivalChart() shows each token where it came", async () => {
  const chart = arrivalChart([{ text: "So", ms: 40 }, { text: " far\n", ms: 55 }]);
  assert.match(chart.alt, /^2 tokens; the first came 40 ms after the request was sent, the last after 55 ms/);
  const svg = await renderSvg(chart);
  assert.match(svg, /·far\\n/);
  await renderSvg(arrivalChart([]));
});
