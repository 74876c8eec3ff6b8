/** How the engine spends its time: tokens as they come, slots as they are used. */
import type { TracedStep } from "../../engine/traced_runner.ts";
import { figure } from "../../metrics/mod.ts";
import { PALETTE } from "../theme.ts";
import { type Chart, completeSpec, legendFilter, PANEL_WIDTH } from "./chart.ts";

/** A token of an answer: its text, and when it came, in ms since the request was sent. */
export interface Arrival {
  text: string;
  ms: number;
}

/** Tokens of one answer over time. */
export function arrivalChart(arrivals: readonly Arrival[]): Chart {
  const values = arrivals.map(({ text, ms }, i) => ({
    ms,
    count: i + 1,
    token: JSON.stringify(text).slice(1, -1).replaceAll(" ", "\u00b7"),
    gap: i === 0 ? null : ms - arrivals[i - 1].ms,
  }));
  const last = values.at(-1);
  return {
    id: "arrivals",
    title: "One answer, token by token",
    alt:
      `${values.length} tokens; the first came ${figure(values[0]?.ms, 0)} ms after the request was sent, ` +
      `the last after ${figure(last?.ms, 0)} ms.`,
    spec: completeSpec({
      title: {
        text: "One answer, token by token",
        subtitle: "Each token at the instant it came; \u00b7 is a space",
      },
      width: 2 * PANEL_WIDTH + 30,
      height: { step: 15 },
      data: { values },
      encoding: {
        x: {
          field: "ms",
          type: "quantitative",
          title: "ms since the request was sent",
          scale: { zero: true },
        },
        y: { field: "count", type: "ordinal", title: "output token" },
        tooltip: [
          { field: "token", title: "token" },
          { field: "ms", title: "ms", format: ",.1f" },
          { field: "gap", title: "ms after the one before", format: ",.1f" },
        ],
      },
      layer: [
        { mark: { type: "point", filled: true, size: 40, opacity: 1 } },
        {
          mark: { type: "text", align: "right", dx: -8, font: "monospace", color: "#1f2328" },
          encoding: { text: { field: "token" } },
        },
      ],
    }),
  };
}

/** A stretch of one request in one slot. Instants in ms since the first step. */
export interface SlotSpan {
  slot: number;
  /** In the order of admission, from 1. */
  request: number;
  kind: TracedStep["kind"];
  fromMs: number;
  toMs: number;
  steps: number;
  /** Positions that it ran. */
  positions: number;
}

/**
 * Turns steps into stretches of requests in slots. Steps of a request in neighbouring runs of the model are one
 * stretch; where another slot's prefill came between them, the gap stays.
 * @param steps in order, from before the first request was admitted
 */
export function slotSpans(steps: readonly TracedStep[]): SlotSpan[] {
  const origin = steps[0]?.beganAt ?? 0;
  const occupant = new Map<number, number>();
  const open = new Map<number, { span: SlotSpan; at: number }>();
  const spans: SlotSpan[] = [];
  let admitted = 0;
  for (const [at, { kind, slots, positions, start, beganAt, endedAt }] of steps.entries()) {
    for (const slot of slots) {
      if (kind === "prefill" && start === 0) occupant.set(slot, ++admitted);
      const request = occupant.get(slot) ?? 0;
      const before = open.get(slot);
      const ran = kind === "prefill" ? positions : 1;
      if (
        before !== undefined && before.at === at - 1 && before.span.kind === kind &&
        before.span.request === request
      ) {
        before.span.toMs = endedAt - origin;
        before.span.steps++;
        before.span.positions += ran;
        before.at = at;
        continue;
      }
      const span = {
        slot,
        request,
        kind,
        fromMs: beganAt - origin,
        toMs: endedAt - origin,
        steps: 1,
        positions: ran,
      };
      spans.push(span);
      open.set(slot, { span, at });
    }
  }
  return spans;
}

/** A Gantt chart of the slots: which request each one served, and when it was its prompt or its answer. */
export function slotChart(spans: readonly SlotSpan[]): Chart {
  const requests = new Set(spans.map((s) => s.request)).size;
  const slots = [...new Set(spans.map((s) => s.slot))].sort((a, b) => a - b);
  const labels = [...Map.groupBy(spans, (s) => s.request)].map(([request, own]) => ({
    request,
    slot: own[0].slot,
    fromMs: Math.min(...own.map((s) => s.fromMs)),
  }));
  const end = Math.max(...spans.map((s) => s.toMs));
  return {
    id: "slots",
    title: "Slots over time",
    alt:
      `${requests} requests in ${slots.length} slots over ${figure(end, 0)} ms, each as the prefill of its ` +
      `prompt and the decoding of its answer; a slot takes the next request as soon as it is free.`,
    spec: completeSpec({
      title: {
        text: "Slots over time",
        subtitle: "Numbers: requests in the order of admission; gaps: the model ran another slot's prompt",
      },
      width: 2 * PANEL_WIDTH + 30,
      height: { step: 44 },
      encoding: {
        y: { field: "slot", type: "ordinal", title: "slot", sort: slots, scale: { domain: slots } },
        x: { field: "fromMs", type: "quantitative", title: "ms since the first step" },
      },
      layer: [
        {
          name: "spans",
          data: { values: spans },
          params: [legendFilter("kind")],
          transform: [{ filter: { param: "shown" } }],
          mark: { type: "bar", height: 22, stroke: "white", strokeWidth: 0.3 },
          encoding: {
            x2: { field: "toMs" },
            color: {
              field: "kind",
              title: null,
              scale: { domain: ["prefill", "decode"], range: [PALETTE[1], PALETTE[0]] },
            },
            tooltip: [
              { field: "request", title: "request" },
              { field: "kind", title: "step" },
              { field: "fromMs", title: "from, ms", format: ",.1f" },
              { field: "toMs", title: "to, ms", format: ",.1f" },
              { field: "steps", title: "runs of the model" },
              { field: "positions", title: "tokens" },
            ],
          },
        },
        {
          data: { values: labels },
          mark: { type: "text", align: "left", dy: -17, fontSize: 10, fontWeight: 600, color: "#1f2328" },
          encoding: { text: { field: "request", type: "nominal" } },
        },
      ],
    }),
  };
}
