/** A capacity search as one self-contained HTML page. */
import { join } from "node:path";
import { type CapacityDocument, figure, percent, sloText } from "../metrics/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeAtomic } from "../std/files.ts";
import { capacityChart, capacityWords } from "./charts/capacity.ts";
import { escapeHtml, modelTitle, table } from "./html.ts";
import { settingsSection } from "./html_report.ts";
import { card, htmlPage } from "./page.ts";
import type { RunInfo } from "./run_documents.ts";
import { writeSvgFiles } from "./svg.ts";

/**
 * Reads `capacity.json` of a search's folder.
 * @throws {BadInput} where there is none.
 */
export async function readCapacity(dir: string): Promise<CapacityDocument> {
  const path = join(dir, "capacity.json");
  if (!await exists(path)) {
    throw new BadInput(`Cannot report on ${dir} as it must hold a finished capacity search: there is none`);
  }
  return await readJson<CapacityDocument>(path);
}

/**
 * Writes `report.html` into the folder of a capacity search.
 * @returns the path of the report
 * @throws {BadInput} where the folder holds no finished search.
 */
export async function writeCapacityReport(dir: string): Promise<string> {
  const path = join(dir, "report.html");
  const capacity = await readCapacity(dir);
  const run = await readJson<RunInfo>(join(dir, "run.json"));
  await writeAtomic(
    path,
    await htmlPage({
      kicker: "slolab capacity",
      title: [modelTitle(run.model?.name), run.variant, "capacity"].filter(Boolean).join(", "),
      isSample: run.data_source === "sample",
      summary: summarySection(capacity),
      charts: [capacityChart(capacity)],
      sections: [probesSection(capacity), settingsSection({ run })],
    }),
  );
  return path;
}

/** Writes the chart of a search to `charts/capacity.svg`; gives its path. */
export async function writeCapacityCharts(dir: string): Promise<string[]> {
  return await writeSvgFiles([capacityChart(await readCapacity(dir))], join(dir, "charts"));
}

function summarySection(capacity: CapacityDocument): string {
  const { curve, slo } = capacity;
  const requests = curve.reduce((sum, row) => sum + row.total_requests, 0);
  return [
    '<section aria-label="Summary">\n<dl class="cards">',
    card(
      "What is the capacity?",
      capacityWords(capacity),
      capacity.capacity_requests_per_sec === null ? "bad" : "ok",
    ),
    card("What ran", `${curve.length} probes, ${requests} requests.`),
    "</dl>",
    sloNote(slo),
    "</section>",
  ].join("\n");
}

/** What met and missed mean. */
export function sloNote(slo: CapacityDocument["slo"]): string {
  return `<p class="small">SLO: ${
    escapeHtml(sloText(slo))
  }; failures miss. A rate is met or missed where the count of violations proves it at 99% (MLPerf's early ` +
    "stopping), and missed where its queue grows without end.</p>";
}

function probesSection({ curve }: CapacityDocument): string {
  const ms = (value: number | null) => figure(value, 0);
  return "<section>\n<h2>Probes</h2>\n" + table(
    "By rate; latencies in ms",
    [
      "Requests/s",
      "SLOs",
      "By",
      "Within every SLO",
      "Judged",
      "Seconds",
      "Tokens/s",
      "TTFT p50",
      "TTFT p99",
      "TPOT p50",
      "TPOT p99",
    ],
    curve.map((row) => [
      figure(row.rate, 3),
      row.verdict,
      row.reason.replace("_", " "),
      percent(row.attainment, 1),
      row.requests,
      figure(row.duration_sec, 1),
      figure(row.throughput_tokens_per_sec, 1),
      ms(row.ttft_p50_ms),
      ms(row.ttft_p99_ms),
      figure(row.tpot_p50_ms, 1),
      figure(row.tpot_p99_ms, 1),
    ]),
  ) + "\n</section>";
}
