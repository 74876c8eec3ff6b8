/** A comparison of two runs as the terminal shows it. */
import type { Difference } from "../../metrics/mod.ts";
import type { RunComparison } from "./compare_runs.ts";
import { chanceText, changeText, figureName, flipsText, rangeText, valueText } from "./words.ts";

/** Gives the tables and what follows from them. */
export function comparisonText(c: RunComparison): string {
  const lines = [`A  ${c.a.dir}: ${c.a.name}`, `B  ${c.b.dir}: ${c.b.name}`];
  const list = (title: string, items: readonly string[]) =>
    items.length ? ["", `${title}:`, ...items.map((item) => `  ${item}`)] : [];
  lines.push(...list("Settings that differ", c.settings.map((s) => `${s.setting}: ${s.a} -> ${s.b}`)));
  for (const { level, requests, pairs, differences } of c.levels) {
    lines.push("", `${level}: ${requests.a} and ${requests.b} requests, ${pairs} pairs of the same example`);
    lines.push(row(["", "A", "B", "B - A", "95% interval", ""]));
    lines.push(...differences.map((d) => row(cells(nameWithUnit(d), d))));
  }
  if (c.accuracy.length) lines.push("", "Accuracy", row(["", "A", "B", "B - A", "95% interval", ""]));
  for (const d of c.accuracy) {
    lines.push(
      row(cells(`${d.dataset} (${d.questions.b})`, d)),
      ...flipsText(d).map((text) => `    ${text}`),
    );
  }
  lines.push(
    ...list("Levels of A alone", c.levels_of_a_alone),
    ...list("Levels of B alone", c.levels_of_b_alone),
    ...list("Notes", c.notes),
    ...list("Improvements", c.improvements),
    ...list("REGRESSIONS", c.regressions),
    "",
    c.regressions.length === 0 ? "No regression." : `${c.regressions.length} regression(s).`,
    ...chanceText(c),
  );
  return lines.join("\n");
}

const nameWithUnit = (d: Difference) => figureName(d) + (d.unit === "share" ? "" : `, ${d.unit}`);

function cells(name: string, d: Difference): string[] {
  return [
    name,
    valueText(d.a, d),
    valueText(d.b, d),
    changeText(d),
    rangeText(d),
    d.verdict === "none" ? "" : d.verdict.toUpperCase(),
  ];
}

const WIDTHS = [36, 10, 10, 20, 22];

function row(texts: string[]): string {
  const [name, ...rest] = texts;
  return `  ${name.padEnd(WIDTHS[0])}${
    rest.map((text, i) => i < 4 ? text.padStart(WIDTHS[i + 1]) : `  ${text}`).join("")
  }`.trimEnd();
}
