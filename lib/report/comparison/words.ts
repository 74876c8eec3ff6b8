/** The figures of a comparison in words. */
import type { Difference } from "../../metrics/mod.ts";
import type { ComparedAccuracy } from "./compare_accuracy.ts";
import type { RunComparison } from "./compare_runs.ts";

/** The figures' names for people. */
const NAMES: Record<string, string> = {
  ttft: "TTFT",
  ttft_from_scheduled: "TTFT from the planned sending",
  tpot: "TPOT",
  e2e_latency: "E2E latency",
  throughput_tokens_per_sec: "throughput",
  throughput_requests_per_sec: "throughput",
  goodput_requests_per_sec: "goodput",
  slo_compliance: "SLO attainment",
  success_rate: "success rate",
  accuracy: "accuracy",
};

/** Names a figure: `TTFT p50`. */
export function figureName({ metric, statistic }: Difference): string {
  return [NAMES[metric] ?? metric, ...(statistic ? [statistic] : [])].join(" ");
}

/** Formats a figure with its unit; three digits are told. */
export function valueText(value: number | null, { unit }: Pick<Difference, "unit">, sign = false): string {
  if (value === null) return "n/a";
  const scaled = unit === "share" ? 100 * value : value;
  const digits = unit === "share" ? 1 : Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  const text = scaled.toFixed(digits).replace(/^-(?=0(\.0+)?$)/, "");
  return (sign && Number(text) > 0 ? "+" : "") + text + (unit === "share" ? sign ? " points" : "%" : "");
}

/** `+41.2 (+8.1%)`. */
export function changeText(d: Difference): string {
  const relative = d.unit === "share" || d.relative === null
    ? ""
    : ` (${d.relative > 0 ? "+" : ""}${(100 * d.relative).toFixed(1)}%)`;
  return valueText(d.difference, d, true) + relative;
}

/** `[+12.0, +70.3]`; an open bound is `..`. */
export function rangeText(d: Difference): string {
  const [lower, upper] = d.interval;
  if (lower === null && upper === null) return "n too small";
  const bound = (value: number | null) =>
    value === null ? ".." : valueText(value, d, true).replace(" points", "");
  return `[${bound(lower)}, ${bound(upper)}]`;
}

/** A figure of both runs in one line. */
export function sentenceOf(d: Difference): string {
  const unit = d.unit === "share" ? "" : ` ${d.unit}`;
  return `${figureName(d)} ${valueText(d.a, d)} to ${valueText(d.b, d)}${unit}, ${changeText(d)}, 95% ${
    rangeText(d)
  }`;
}

/** What became of the answers to the same questions. */
export function flipsText({ flips, questions }: ComparedAccuracy): string[] {
  if (flips === null) return ["unpaired: the questions were not the same, or not put alike"];
  return [
    `${flips.right_to_wrong} right to wrong, ${flips.wrong_to_right} wrong to right, ${flips.changed} of ` +
    `${questions.b} answers differ, McNemar's p ${flips.p_value.toPrecision(2)}`,
  ];
}

/** What a reader must keep in mind of the verdicts. */
export function chanceText({ figures, thresholds }: RunComparison): string[] {
  return [
    `Worse or better: a 95% interval without 0, and a change of at least ${
      100 * thresholds.relative
    }% (of shares: ` +
    `${100 * thresholds.share} percentage points). By chance alone up to ${
      Math.ceil(figures / 40)
    } of ${figures} ` +
    "figures would be called worse, and as many better.",
    "Intervals cover the chance in the requests, not in the machine: repeat the runs in turns before blaming a change.",
  ];
}
