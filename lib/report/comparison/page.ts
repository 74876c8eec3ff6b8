/** A comparison of two runs as one self-contained HTML page. */
import type { Difference } from "../../metrics/mod.ts";
import { differencesChart } from "../charts/differences.ts";
import { type Cell, escapeHtml, table } from "../html.ts";
import { card, htmlPage } from "../page.ts";
import type { ComparedAccuracy } from "./compare_accuracy.ts";
import type { RunComparison } from "./compare_runs.ts";
import { chanceText, changeText, figureName, flipsText, rangeText, valueText } from "./words.ts";

/** Gives the page. */
export function comparisonPage(c: RunComparison): Promise<string> {
  const chart = differencesChart(c);
  return htmlPage({
    kicker: "slolab comparison",
    title: c.a.name === c.b.name ? `${c.b.dir} against ${c.a.dir}` : `${c.b.name} against ${c.a.name}`,
    isSample: c.is_sample,
    summary: summarySection(c),
    charts: chart ? [chart] : [],
    sections: [levelsSection(c), accuracySection(c), settingsSection(c)],
  });
}

function summarySection(c: RunComparison): string {
  const changed = c.accuracy.filter((d) => d.dataset !== "overall").map((d) =>
    `${d.dataset.toUpperCase()} ${valueText(d.a, d)} to ${valueText(d.b, d)}: ${flipsText(d).join(" ")}.`
  );
  return [
    '<section aria-label="Summary">\n<dl class="cards">',
    card("A", `${c.a.name}: ${c.a.dir}`),
    card("B", `${c.b.name}: ${c.b.dir}`),
    card(
      "Is B worse?",
      c.regressions.length
        ? `In ${c.regressions.length} figures of ${c.figures}.`
        : "Nowhere that can be told.",
      c.regressions.length ? "bad" : "ok",
    ),
    card(
      "Is B better?",
      c.improvements.length
        ? `In ${c.improvements.length} figures of ${c.figures}.`
        : "Nowhere that can be told.",
    ),
    ...(changed.length ? [card("Did the answers change?", changed.join(" "))] : []),
    "</dl>",
    list("Regressions", c.regressions),
    list("Improvements", c.improvements),
    list("Notes", [
      ...c.notes,
      ...c.levels_of_a_alone.map((level) => `${level}: A alone has it.`),
      ...c.levels_of_b_alone.map((level) => `${level}: B alone has it.`),
    ]),
    ...chanceText(c).map((text) => `<p class="small">${escapeHtml(text)}</p>`),
    "</section>",
  ].filter((part) => part !== "").join("\n");
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  const rows = items.map((item) => `<li>${escapeHtml(item)}</li>`).join("");
  return `<details${
    items.length > LONG ? "" : " open"
  }><summary>${title}: ${items.length}</summary>\n<ul>${rows}</ul></details>`;
}

/** Lists longer than this begin closed. */
const LONG = 8;

const HEAD = ["A", "B", "B - A", "95% interval", "B is"];

function cells(name: string, d: Difference): Cell[] {
  return [
    name,
    valueText(d.a, d),
    valueText(d.b, d),
    changeText(d),
    rangeText(d),
    d.verdict === "none" ? "" : { html: `<strong>${d.verdict}</strong>` },
  ];
}

function levelsSection({ levels }: RunComparison): string {
  if (levels.length === 0) return "";
  return [
    "<section>\n<h2>Load</h2>",
    ...levels.map(({ level, requests, pairs, differences }) =>
      table(
        `${level}: ${requests.a} and ${requests.b} requests, ${pairs} pairs of the same example`,
        ["Figure", ...HEAD],
        differences.map((d) => cells(figureName(d) + (d.unit === "share" ? "" : `, ${d.unit}`), d)),
      )
    ),
    "</section>",
  ].join("\n");
}

function accuracySection({ accuracy }: RunComparison): string {
  if (accuracy.length === 0) return "";
  const ids = (d: ComparedAccuracy) =>
    d.flips && d.dataset !== "overall"
      ? [
        ["right to wrong", d.flips.right_to_wrong_ids] as const,
        ["wrong to right", d.flips.wrong_to_right_ids] as const,
      ].filter(([, ids]) => ids.length).map(([name, ids]) =>
        `<details><summary>${d.dataset.toUpperCase()}, ${name}: ${ids.length}</summary>\n<p>${
          escapeHtml(ids.join(", "))
        }</p></details>`
      )
      : [];
  return [
    "<section>\n<h2>Accuracy</h2>",
    table(
      "Exact match",
      ["Data set", "Questions", ...HEAD, "Answers"],
      accuracy.map((d) => {
        const [name, ...rest] = cells(d.dataset.toUpperCase(), d);
        return [name, d.questions.b, ...rest, flipsText(d).join(" ")];
      }),
    ),
    ...accuracy.flatMap(ids),
    "</section>",
  ].join("\n");
}

function settingsSection({ settings }: RunComparison): string {
  if (settings.length === 0) return "";
  return [
    "<section>\n<h2>Settings that differ</h2>",
    table("run.json", ["Setting", "A", "B"], settings.map((s) => [s.setting, s.a, s.b])),
    "</section>",
  ].join("\n");
}
