/**
 * A run folder as one self-contained HTML page: no network, light and dark, for screen and print; charts answer to
 * the mouse and tables sort where scripts run.
 */
import { join } from "node:path";
import { MMLU_CHANCE } from "../eval/mod.ts";
import { writeAtomic } from "../std/files.ts";
import {
  figure,
  intervalText,
  type MetricsDocument,
  type MetricsSummary,
  percent,
  sloText,
} from "../metrics/mod.ts";
import { chartsOf } from "./charts/mod.ts";
import { flatten } from "./flatten.ts";
import { type Cell, escapeHtml, modelTitle, table } from "./html.ts";
import {
  type AccuracyRow,
  datasetsOf,
  type EvaluationDocument,
  readRun,
  type RunDocuments,
  type RunInfo,
} from "./run_documents.ts";
import { card, htmlPage } from "./page.ts";
import { writeSvgFiles } from "./svg.ts";
import { judge, TARGET_ATTAINMENT } from "./verdict.ts";

/**
 * Writes `report.html` into a run folder.
 * @returns the path of the report
 * @throws {BadInput} where the folder holds no finished run.
 */
export async function writeHtmlReport(runDir: string): Promise<string> {
  const path = join(runDir, "report.html");
  await writeAtomic(path, await htmlReport(await readRun(runDir)));
  return path;
}

/**
 * Writes each chart of a run folder to a file of its own, `charts/<id>.svg`.
 * @returns the paths of the files
 * @throws {BadInput} where the folder holds no finished run.
 */
export async function writeCharts(runDir: string): Promise<string[]> {
  const { levels, evaluation } = await readRun(runDir);
  return await writeSvgFiles(chartsOf(levels, evaluation), join(runDir, "charts"));
}

/** Gives the page for the documents of a run. */
export function htmlReport(documents: RunDocuments): Promise<string> {
  const { run, levels, evaluation, isSample } = documents;
  return htmlPage({
    kicker: "slolab baseline report",
    title: titleOf(run),
    isSample,
    summary: summarySection(documents),
    charts: chartsOf(levels, evaluation),
    sections: [loadSection(documents), accuracySection(documents), settingsSection(documents)],
  });
}

function titleOf(run: RunInfo): string {
  const bits = { base: " (16 bit)", med: " (8 bit)", cheap: " (4 bit)" }[run.variant ?? ""] ?? "";
  const parts = [
    modelTitle(run.model?.name),
    run.variant && run.variant + bits,
    run.device,
    run.endpoint?.base_url,
  ]
    .filter((p) => p);
  return parts.length ? parts.join(", ") : "Baseline";
}

function summarySection({ run, levels, evaluation }: RunDocuments): string {
  const verdict = judge(levels.flatMap((l) => l.metrics ? [l.metrics.summary] : []));
  const badge = ({
    met: "ok",
    partly: "warn",
    missed: "bad",
    "no limits": "",
    "not tested": "",
  } as const)[verdict.status];
  const limits = levels.find((l) => l.metrics)?.metrics?.summary.slo;
  const requests = levels.reduce((sum, l) => sum + l.row.num_requests, 0);
  const questions = datasetsOf(evaluation).filter((d) => d.key !== "overall")
    .map((d) => `${d.accuracy.total_count} ${d.name}`).join(" and ");
  const machine = run.machine?.cpu ? ` on ${run.machine.cores ?? "?"} cores of ${run.machine.cpu}` : "";
  const ran = [
    levels.length
      ? `${requests} requests at concurrency ${levels.map((l) => l.concurrency).join(", ")}${machine}.`
      : "",
    questions ? `${questions} questions answered.` : "",
    run.status === "running" ? "The run was not complete when this was written." : "",
  ].filter((s) => s !== "").join(" ");
  const accuracy = datasetsOf(evaluation).filter((d) => d.key !== "overall").map(
    ({ key, name, accuracy: a }) => {
      const interval = a.wilson_95 ?? null;
      const guess =
        key === "mmlu" && interval !== null && interval[0] <= MMLU_CHANCE && MMLU_CHANCE <= interval[1]
          ? "; not told apart from guessing, 25%"
          : "";
      return `${name} ${percent(a.accuracy, 1)}${
        interval ? ` (${percent(interval[0], 1)} to ${percent(interval[1], 1)}${guess})` : ""
      }`;
    },
  );
  return [
    '<section aria-label="Summary">\n<dl class="cards">',
    card("What ran", ran || "Nothing."),
    card("Is the SLO met?", verdict.slo, badge),
    card("Where it breaks", verdict.breaks),
    card("How accurate?", accuracy.length ? `${accuracy.join(". ")}.` : "Not evaluated."),
    "</dl>",
    limits
      ? `<p class="small">SLO: ${escapeHtml(sloText(limits))}, for at least ${
        percent(TARGET_ATTAINMENT, 0)
      } of the requests; failures miss. Ranges are 95% intervals.</p>`
      : "",
    "</section>",
  ].join("\n");
}

function loadSection({ levels }: RunDocuments): string {
  if (levels.length === 0) return "";
  const measured = levels.flatMap(({ concurrency, metrics }) => metrics ? [{ concurrency, metrics }] : []);
  const over = table(
    "Load test results by concurrency",
    ["Concurrency", "Throughput, tokens/s", "TTFT p99, ms", "TPOT p95, ms", "E2E p99, ms", "SLO compliance"],
    levels.map(({ concurrency, row }) => [
      concurrency,
      figure(row.throughput_tokens_per_sec),
      figure(row.ttft_p99_ms),
      figure(row.tpot_p95_ms),
      figure(row.e2e_p99_ms),
      percent(row.slo_compliance, 1),
    ]),
  );
  const summaries = measured.map((m) => m.metrics.summary);
  const across = (name: string, cell: (s: MetricsSummary) => Cell): Cell[] => [name, ...summaries.map(cell)];
  const counts = table("Requests", ["Concurrency", ...measured.map((m) => String(m.concurrency))], [
    across("Sent", (s) => s.total_requests),
    across("Successful", (s) => `${s.successful_requests} (${percent(s.success_rate)})`),
    across("Duration, s", (s) => figure(s.duration_sec)),
    across("Requests/s", (s) => figure(s.throughput_requests_per_sec)),
    across("Goodput, requests/s", (s) => figure(s.goodput_requests_per_sec)),
    across("SLO compliance, 95% interval", (s) => intervalText(s.slo_compliance_ci, (v) => percent(v, 1))),
    across("Missed the TTFT limit", (s) => s.slo_violations_by.ttft),
    across("Missed the TPOT limit", (s) => s.slo_violations_by.tpot),
    across("Missed the E2E limit", (s) => s.slo_violations_by.e2e),
    across("Errors", (s) => Object.entries(s.errors).map(([kind, n]) => `${n} ${kind}`).join(", ") || 0),
    across("Answers without TPOT", (s) => s.requests_without_tpot),
    across("Prompts cut", (s) => s.truncated_prompts),
    across("Repeated examples", (s) => s.repeated_requests),
    across("Warm-up requests", (s) => s.warmup_requests),
    across("Resumed", (s) => s.resumed ? `yes, ${s.segments.length} parts` : "no"),
  ]);
  const percentiles = measured.map(({ concurrency, metrics }) =>
    table(
      `Latency at concurrency ${concurrency}, ms`,
      ["Metric", "p50", "p75", "p90", "p95", "p99", "Mean ± std", "Min", "Max", "Count"],
      latencyRows(metrics),
    )
  );
  return [
    "<section>\n<h2>Load tests</h2>",
    over,
    measured.length ? counts : "",
    ...percentiles,
    '<p class="small">TTFT: first token after sending. TPOT: time from the first to the last token over the tokens ' +
    "after the first; an answer of one token has none and is judged on the other limits. E2E: last token after the " +
    "planned sending. Queue wait: from the planned sending to a slot. Latencies are those of successful requests; " +
    "intervals are 95% by order statistics, open above where there are too few requests (p99: fewer than 367). " +
    "A closed loop asks a slow server less often, and so hides queueing.</p>\n</section>",
  ].join("\n");
}

/** The percentiles of a level, a row for each metric. */
export function latencyRows(metrics: MetricsDocument): Cell[][] {
  const rows = [
    ["TTFT", metrics.ttft],
    ["TPOT", metrics.tpot],
    ["E2E", metrics.e2e_latency],
    ["Queue wait", metrics.queue_wait],
  ] as const;
  return rows.filter(([, d]) => d.count > 0).map(([name, d]) => [
    name,
    ...(["p50", "p75", "p90", "p95", "p99"] as const).map((p) => ({
      html: `${ms(d[p])}<br><small>${
        escapeHtml(intervalText(d[`${p}_ci`], ms)).replaceAll(/(?<=[,=]) /g, "\u00a0")
      }</small>`,
    })),
    `${ms(d.mean)}${d.std === null ? "" : ` ± ${ms(d.std)}`}`,
    ms(d.min),
    ms(d.max),
    d.count,
  ]);
}

/** Formats ms to about three digits. */
function ms(value: number | null): string {
  return figure(value, value === null || value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function accuracySection({ evaluation }: RunDocuments): string {
  const datasets = datasetsOf(evaluation);
  if (datasets.length === 0) return "";
  const row = (name: string, a: AccuracyRow): Cell[] => [
    name,
    percent(a.accuracy),
    a.wilson_95 ? `${percent(a.wilson_95[0], 1)} to ${percent(a.wilson_95[1], 1)}` : "n/a",
    `${a.correct_count}/${a.total_count}`,
  ];
  const parts = (key: "by_category" | "by_difficulty" | "by_subject") =>
    datasets.filter((d) => d.key !== "overall").flatMap(({ name, accuracy }) =>
      Object.entries(accuracy[key] ?? {}).map(([part, a]) => row(`${name} · ${part}`, a))
    );
  const head = ["", "Accuracy", "95% interval", "Correct"];
  const subjects = parts("by_subject");
  return [
    "<section>\n<h2>Accuracy</h2>",
    protocolText(evaluation!, datasets.map((d) => d.key)),
    table(
      "Exact match",
      ["Data set", ...head.slice(1), "Unparsable", "Cut off"],
      datasets.map(({ name, accuracy: a }) => [
        ...row(name, a),
        percent(a.unparsable_rate, 1),
        percent(a.truncated_rate, 1),
      ]),
    ),
    ...[["By category", parts("by_category")], ["By difficulty", parts("by_difficulty")]].flatMap(
      ([caption, rows]) => rows.length ? [table(caption as string, head, rows as Cell[][])] : [],
    ),
    subjects.length
      ? `<details><summary>By subject</summary>\n${table("By subject", head, subjects)}\n</details>`
      : "",
    "</section>",
  ].join("\n");
}

/** How the questions were put; empty for runs that don't tell. */
function protocolText(
  { protocol, shots, chat_template_applied: isChat }: EvaluationDocument,
  datasets: readonly string[],
): string {
  if (protocol === undefined || shots === undefined) return "";
  const whose = protocol === "lm-eval"
    ? "lm-evaluation-harness 0.4.13: its documents, prompts, extraction and scoring"
    : "slolab: held-out questions";
  const shown = (["mmlu", "gsm8k"] as const).filter((name) => datasets.includes(name))
    .map((name) => `${name.toUpperCase()} ${shots[name]}`);
  const form = isChat ? "in the model's chat template" : "as plain text, without a chat template";
  return `<p>Protocol of ${whose}; asked ${form}; solved examples shown: ${shown.join(", ")}.</p>`;
}

/** How to repeat a run, and its `run.json`. */
export function settingsSection({ run }: Pick<RunDocuments, "run">): string {
  if (Object.keys(run).length === 0) return "";
  const repeat = run.command === undefined
    ? ""
    : `<h2>How to repeat it</h2>\n<pre><code>${escapeHtml(run.command)}</code></pre>`;
  return [
    "<section>",
    repeat,
    "<h2>Machine and settings</h2>",
    table("run.json", ["Setting", "Value"], flatten(run).map(([key, value]) => [key, value])),
    "</section>",
  ].join("\n");
}
