/** A study as one self-contained HTML page: how far the model could be compressed, and what it cost. */
import { join } from "node:path";
import type { Comparison } from "../eval/mod.ts";
import { figure, percent } from "../metrics/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeAtomic } from "../std/files.ts";
import { fromRecord } from "../types/mod.ts";
import { studyCharts } from "./charts/study.ts";
import { escapeHtml, modelTitle, table } from "./html.ts";
import { card, htmlPage } from "./page.ts";
import { writeSvgFiles } from "./svg.ts";
import { isQuantised, megabytes, type StudyDocument, type StudyRow } from "./study.ts";

/**
 * Reads `study.json` of a study's folder.
 * @throws {BadInput} where there is none.
 */
export async function readStudy(dir: string): Promise<StudyDocument> {
  const path = join(dir, "study.json");
  if (!await exists(path)) {
    throw new BadInput(
      `Cannot report on ${dir} as it must hold the study.json of a finished study: there is none`,
    );
  }
  const study = await readJson<StudyDocument>(path);
  return { ...study, comparisons: study.comparisons.map((c) => fromRecord(c)) };
}

/**
 * Writes `report.html` into a study's folder.
 * @returns the path of the report
 * @throws {BadInput} where the folder holds no finished study.
 */
export async function writeStudyReport(dir: string): Promise<string> {
  const path = join(dir, "report.html");
  await writeAtomic(path, await studyReport(await readStudy(dir)));
  return path;
}

/** Writes each chart of a study to a file of its own, `charts/<id>.svg`; gives their paths. */
export async function writeStudyCharts(dir: string): Promise<string[]> {
  return await writeSvgFiles(studyCharts(await readStudy(dir)), join(dir, "charts"));
}

/** Gives the page of a study. */
export function studyReport(study: StudyDocument): Promise<string> {
  return htmlPage({
    kicker: "slolab study",
    title: `${modelTitle(study.model)}: ${study.rows.map((r) => r.variant).join(", ")}`,
    isSample: study.data_source === "sample",
    summary: summarySection(study),
    charts: studyCharts(study),
    sections: [variantsSection(study), changesSection(study), repeatSection(study)],
  });
}

const points = (x: number) => `${x > 0 ? "+" : ""}${(100 * x).toFixed(1)}`;
const interval = (c: Comparison) =>
  `${points(c.difference)} points [${points(c.interval[0])}, ${points(c.interval[1])}]`;

function summarySection(study: StudyDocument): string {
  const { rows, comparisons } = study, first = rows[0];
  const against = comparisons.filter((c) => c.first === first.variant);
  const differs = (c: Comparison | null, name: string) =>
    c !== null && (c.interval[0] > 0 || c.interval[1] < 0) ? [`${name} ${interval(c)}`] : [];
  const costs = against.map((c) => {
    const found = [...differs(c.mmlu, "MMLU"), ...differs(c.gsm8k, "GSM8K")];
    return `${c.second}: ${
      found.length ? found.join(", ") : `no difference from ${c.first} that can be told from 0`
    }`;
  });
  const gains = rows.slice(1).map((r) => {
    const speed = ratioOfSpeed(first, r);
    const parts = [
      ...r.bytes === null || first.bytes === null
        ? []
        : [`${(r.bytes / first.bytes).toFixed(2)} of the bytes`],
      ...speed === null
        ? []
        : [`${speed.ratio.toFixed(2)} times the tokens/s at concurrency ${speed.concurrency}`],
    ];
    return `${r.variant}: ${parts.join(", ") || "unknown"}`;
  });
  const changed = against.flatMap((c) =>
    c.overall === null ? [] : [`${c.second}: ${c.overall.changed} of ${c.overall.count}`]
  );
  const sentence = (parts: string[], none: string) => parts.length ? `${parts.join(". ")}.` : none;
  return [
    '<section aria-label="Summary">\n<dl class="cards">',
    card(
      "What ran",
      `${first.mmlu.total_count} MMLU and ${first.gsm8k.total_count} GSM8K questions, the same to ${
        rows.map((r) => r.variant).join(", ")
      }.`,
    ),
    card("What does compression cost?", sentence(costs, "One variant alone: nothing to compare.")),
    card("What does it bring?", sentence(gains, "One variant alone: nothing to compare.")),
    card("How many answers changed?", sentence(changed, "Unknown.")),
    "</dl>",
    '<p class="small">Differences are paired, question by question; ranges are 95% intervals.' +
    (isQuantised(study)
      ? ` The source is itself quantised, to ${
        study.source_bits_per_weight!.toFixed(2)
      } bits a weight: differences ` +
        "are the cost of rounding it once more."
      : "") +
    "</p>",
    "</section>",
  ].join("\n");
}

/** Tokens/s of a variant over those of the first, at the highest concurrency that both have. */
function ratioOfSpeed(first: StudyRow, other: StudyRow): { concurrency: number; ratio: number } | null {
  for (const { concurrency, throughput_tokens_per_sec: speed } of other.levels.toReversed()) {
    const before = first.levels.find((l) => l.concurrency === concurrency)?.throughput_tokens_per_sec;
    if (speed && before) return { concurrency, ratio: speed / before };
  }
  return null;
}

function variantsSection({ rows }: StudyDocument): string {
  const accuracy = (cell: StudyRow["mmlu"]) =>
    cell.total_count === 0 ? "-" : `${percent(cell.accuracy, 1)} (${cell.correct_count}/${cell.total_count})`;
  return [
    "<section>\n<h2>Variants</h2>",
    table(
      "Size and accuracy",
      ["Variant", "Size", "Bits a weight", "MMLU", "GSM8K"],
      rows.map((r) => [
        r.variant,
        megabytes(r.bytes),
        r.bits_per_weight?.toFixed(2) ?? "-",
        accuracy(r.mmlu),
        accuracy(r.gsm8k),
      ]),
    ),
    table(
      "Load, closed loop",
      ["Variant", "Concurrency", "Tokens/s", "TTFT p50, ms", "TPOT p50, ms", "E2E p50, ms"],
      rows.flatMap((r) =>
        r.levels.map((l) => [
          r.variant,
          l.concurrency,
          figure(l.throughput_tokens_per_sec, 1),
          figure(l.ttft_p50_ms, 0),
          figure(l.tpot_p50_ms, 0),
          figure(l.e2e_p50_ms, 0),
        ])
      ),
    ),
    "</section>",
  ].join("\n");
}

function changesSection({ comparisons }: StudyDocument): string {
  const rows = comparisons.flatMap((c) =>
    ([["MMLU", c.mmlu], ["GSM8K", c.gsm8k]] as const).flatMap(([name, pair]) =>
      pair === null ? [] : [[
        `${c.second} - ${c.first}, ${name}`,
        interval(pair),
        pair.rightToWrong,
        pair.wrongToRight,
        `${pair.changed} of ${pair.count}`,
      ]]
    )
  );
  if (rows.length === 0) return "";
  return "<section>\n<h2>Differences</h2>\n" +
    table("Paired, question by question", [
      "Against",
      "Difference",
      "Right to wrong",
      "Wrong to right",
      "Other answers",
    ], rows) + "\n</section>";
}

const repeatSection = ({ command }: StudyDocument): string =>
  `<section>\n<h2>How to repeat it</h2>\n<pre><code>${escapeHtml(command)}</code></pre>\n</section>`;
