/** A load run as one self-contained HTML page. */
import { join } from "node:path";
import {
  figure,
  type MetricsDocument,
  type MetricsSummary,
  percent,
  readLevels,
  SCHEDULE_DELAY_LIMIT_MS,
  sloText,
} from "../metrics/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeAtomic } from "../std/files.ts";
import type { RequestRecord, Slo } from "../types/mod.ts";
import type { Chart } from "./charts/chart.ts";
import { timelineChart } from "./charts/timeline.ts";
import { escapeHtml, modelTitle, table } from "./html.ts";
import { latencyRows, settingsSection } from "./html_report.ts";
import { card, htmlPage } from "./page.ts";
import type { RunInfo } from "./run_documents.ts";
import { writeSvgFiles } from "./svg.ts";

/** What the page reads of a load run's `summary.json`. */
interface LoadSummary {
  level: string;
  load: Record<string, unknown>;
  arrival_cv: number | null;
  clipped: { prompts: number; answers: number };
  summary: MetricsSummary;
  data_source: string;
}

interface LoadRun {
  run: RunInfo;
  summary: LoadSummary;
  metrics: MetricsDocument;
  records: RequestRecord[];
}

async function readLoadRun(dir: string): Promise<LoadRun> {
  const path = join(dir, "summary.json");
  const summary = await exists(path) ? await readJson<LoadSummary>(path) : null;
  const level = summary && (await readLevels(dir)).find((l) => l.name === summary.level);
  if (!level || level.metrics === null) {
    throw new BadInput(`Cannot report on ${dir} as it must hold a finished load run: there is none`);
  }
  const run = await readJson<RunInfo>(join(dir, "run.json"));
  return { run, summary, metrics: level.metrics, records: level.records };
}

/**
 * Writes `report.html` into the folder of a load run.
 * @returns the path of the report
 * @throws {BadInput} where the folder holds no finished load run.
 */
export async function writeLoadReport(dir: string): Promise<string> {
  const path = join(dir, "report.html");
  const load = await readLoadRun(dir);
  await writeAtomic(
    path,
    await htmlPage({
      kicker: "slolab load",
      title: [modelTitle(load.run.model?.name), load.run.variant, patternWords(load.summary)].filter(Boolean)
        .join(", "),
      isSample: load.summary.data_source === "sample",
      summary: summarySection(load),
      charts: chartsOf(load),
      sections: [latencySection(load.metrics), settingsSection(load)],
    }),
  );
  return path;
}

/** Writes each chart of a load run to a file of its own, `charts/<id>.svg`; gives their paths. */
export async function writeLoadCharts(dir: string): Promise<string[]> {
  return await writeSvgFiles(chartsOf(await readLoadRun(dir)), join(dir, "charts"));
}

function chartsOf({ records, metrics: { summary: { slo } } }: LoadRun): Chart[] {
  const limits: Slo = { ttftMs: slo.ttft_ms, tpotMs: slo.tpot_ms, e2eMs: slo.e2e_ms };
  return records.length ? [timelineChart(records, limits)] : [];
}

/** `poisson, 2 requests/s`. */
function patternWords({ load }: LoadSummary): string {
  const { pattern, rate, concurrency } = load;
  const at = rate === undefined ? "" : `, ${rate} requests/s`;
  return pattern === "closed_loop" ? `closed loop, concurrency ${concurrency}` : `${pattern}${at}`;
}

function summarySection({ summary: { load, arrival_cv, clipped }, metrics }: LoadRun): string {
  const { summary: s, schedule_delay: delay } = metrics;
  const [from, to] = s.slo_compliance_ci;
  const keepsUp = delay.p50 === null || delay.p50 <= SCHEDULE_DELAY_LIMIT_MS;
  const excluded = s.excluded_requests.warmup + s.excluded_requests.cooldown;
  return [
    '<section aria-label="Summary">\n<dl class="cards">',
    card(
      "What ran",
      `${s.total_requests} requests over ${figure(s.duration_sec, 1)} s` +
        (excluded ? `, ${excluded} more in the windows at its ends` : "") +
        (arrival_cv === null ? "." : `; the gaps' coefficient of variation is ${figure(arrival_cv)}.`),
    ),
    card(
      "Within every SLO",
      `${percent(s.slo_compliance, 1)} of them (${percent(from, 1)} to ${percent(to, 1)}); goodput ${
        figure(s.goodput_requests_per_sec)
      } requests/s.`,
    ),
    card(
      "Did the client keep up?",
      delay.p50 === null
        ? "Unknown."
        : `${keepsUp ? "Yes" : "No: these figures measure the client"}. Half were sent within ${
          figure(delay.p50)
        } ms of when they were due, 99% within ${figure(delay.p99)} ms${
          load.max_in_flight ? `, waits for at most ${load.max_in_flight} in flight taken off` : ""
        }.`,
      keepsUp ? "" : "bad",
    ),
    clipped.prompts + clipped.answers
      ? card("Cut to the context", `${clipped.prompts} prompts and ${clipped.answers} answers.`)
      : "",
    "</dl>",
    `<p class="small">SLO: ${escapeHtml(sloText(s.slo))}; failures miss. Ranges are 95% intervals.</p>`,
    "</section>",
  ].filter((part) => part !== "").join("\n");
}

function latencySection(metrics: MetricsDocument): string {
  const { summary: s } = metrics;
  const errors = Object.entries(s.errors).map(([kind, count]) => `${kind} ${count}`).join(", ");
  return [
    "<section>\n<h2>Latency</h2>",
    table(
      "Latency, ms",
      ["Metric", "p50", "p75", "p90", "p95", "p99", "Mean ± std", "Min", "Max", "Count"],
      latencyRows(metrics),
    ),
    table("Requests", ["", "Value"], [
      ["Answered", s.successful_requests],
      ["Failed", `${s.failed_requests}${errors ? ` (${errors})` : ""}`],
      ["Requests/s", figure(s.throughput_requests_per_sec)],
      ["Output tokens/s", figure(s.throughput_tokens_per_sec)],
      ["Warm-up before the level", s.warmup_requests],
      ["In the windows at its ends", s.excluded_requests.warmup + s.excluded_requests.cooldown],
    ]),
    '<p class="small">TTFT: first token after sending; an SLO on it is judged from the planned sending. TPOT: time ' +
    "from the first to the last token over the tokens after the first. E2E and queue wait: from the planned sending. " +
    "Latencies are those of answered requests.</p>\n</section>",
  ].join("\n");
}
