/** What a run says about its SLO, in a sentence each. */
import { type MetricsSummary, percent } from "../metrics/mod.ts";

/** The share of requests that must be within every limit: the limits are on the p99, as MLPerf's are. */
export const TARGET_ATTAINMENT = 0.99;

export interface Verdict {
  status: "met" | "partly" | "missed" | "no limits" | "not tested";
  /** Whether the SLO is met. */
  slo: string;
  /** Where it breaks. */
  breaks: string;
}

/** Judges the levels of a run. */
export function judge(levels: readonly MetricsSummary[]): Verdict {
  const tested = levels.filter((l) => l.slo_compliance !== null)
    .toSorted((a, b) => (a.concurrency ?? 0) - (b.concurrency ?? 0));
  if (tested.length === 0) {
    return { status: "not tested", slo: "Not tested: no load was run.", breaks: "Unknown." };
  }
  const { slo } = tested[0];
  if (slo.ttft_ms === null && slo.tpot_ms === null && slo.e2e_ms === null) {
    return { status: "no limits", slo: "No limits were set.", breaks: "Nowhere, as nothing is asked for." };
  }
  const highest = tested.at(-1)!;
  const missed = tested.find((l) => l.slo_compliance! < TARGET_ATTAINMENT);
  const unproven = tested.filter((l) => l !== missed && (l.slo_compliance_ci[0] ?? 0) < TARGET_ATTAINMENT)
    .filter((l) => missed === undefined || l.concurrency! < missed.concurrency!);
  const hedge = unproven.length
    ? ` Not proven at ${levelNames(unproven)}: too few requests (the 95% interval reaches down to ${
      percent(Math.min(...unproven.map((l) => l.slo_compliance_ci[0] ?? 0)), 1)
    }).`
    : "";
  if (missed === undefined) {
    return {
      status: "met",
      slo: `Met at ${levelNames(tested)}.${hedge}`,
      breaks: `Nowhere within the levels tested; the highest was concurrency ${highest.concurrency}.`,
    };
  }
  const by = missed.slo_violations_by;
  const causes = ([["TTFT", by.ttft], ["TPOT", by.tpot], ["E2E", by.e2e], ["errors", by.error]] as const)
    .filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`).join(", ");
  const before = tested.slice(0, tested.indexOf(missed));
  return {
    status: before.length ? "partly" : "missed",
    slo: before.length
      ? `Met up to concurrency ${before.at(-1)!.concurrency}.${hedge}`
      : `Missed already at the lowest level, concurrency ${missed.concurrency}.`,
    breaks: `At concurrency ${missed.concurrency}: ${percent(missed.slo_compliance, 1)} of ` +
      `${missed.total_requests} requests within the limits (missed by: ${causes}).`,
  };
}

function levelNames(levels: readonly MetricsSummary[]): string {
  const names = levels.map((l) => String(l.concurrency));
  return `concurrency ${
    names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]
  }`;
}
