/** From turns to ratios between engines, and whether they reach what is wanted. */
import { median } from "slolab/math/mod.ts";
import { type Cell, cellName, type EngineName, type TurnRecord } from "./cells.ts";

/** What is compared: the first engine's rate over the second one's. */
export const PAIRS = [["med", "q8_0"], ["cheap", "q4_0"], ["med", "transformers_js"]] as const;
export type Pair = typeof PAIRS[number];

export interface Ratio {
  model: string;
  cell: string;
  pair: string;
  /** Medians over rounds, tokens a second; of a prefill the prompt's, else those that came out. */
  rates: [number, number];
  /** Of the ratios of the rounds. */
  median: number;
  min: number;
  max: number;
  rounds: number;
  goal: number | null;
  reached: boolean | null;
}

/** The least ratio that is wanted of a pair, or null where none is. */
export function goalOf([engine, peer]: Pair, cell: Cell): number | null {
  if (peer === "transformers_js") return 8;
  if (engine === "cheap") return 1;
  if (cell.kind === "decode" && cell.batch < 4) return cell.batch === 1 ? 1.1 : null;
  return 1.5;
}

/** The ratios of a model, cell by cell; a pair that was not measured is left out. */
export function ratiosOf(model: string, cells: readonly Cell[], records: readonly TurnRecord[]): Ratio[] {
  return cells.flatMap((cell) => {
    const turns = records.filter((r) => r.model === model && r.cell === cellName(cell));
    return PAIRS.flatMap((pair): Ratio[] => {
      const rates = turns.filter(({ engines }) => pair.every((name) => engines[name]))
        .map(({ engines }) => pair.map((name) => engines[name]!.tokens / engines[name]!.seconds));
      if (rates.length === 0) return [];
      const ratios = rates.map(([own, peer]) => own / peer);
      const middle = median(ratios)!, goal = goalOf(pair, cell);
      return [{
        model,
        cell: cellName(cell),
        pair: pair.join("/"),
        rates: [median(rates.map((r) => r[0]))!, median(rates.map((r) => r[1]))!],
        median: middle,
        min: Math.min(...ratios),
        max: Math.max(...ratios),
        rounds: ratios.length,
        goal,
        reached: goal === null ? null : middle >= goal,
      }];
    });
  });
}

const LABELS: Record<EngineName, string> = {
  med: "med",
  cheap: "cheap",
  q8_0: "llama.cpp Q8_0",
  q4_0: "llama.cpp Q4_0",
  transformers_js: "transformers.js q8",
};

/** The ratios as a Markdown table. */
export function tableOf(ratios: readonly Ratio[]): string {
  const rows = ratios.map(({ model, cell, pair, rates, median, min, max, rounds, goal, reached }) => {
    const [own, peer] = pair.split("/") as EngineName[];
    const range = rounds > 1 ? ` (${min.toFixed(2)}-${max.toFixed(2)})` : "";
    const verdict = goal === null ? "" : `${goal.toFixed(1)} ${reached ? "reached" : "missed"}`;
    return [
      model,
      cell,
      `${LABELS[own]} ${rates[0].toFixed(0)}`,
      `${LABELS[peer]} ${rates[1].toFixed(0)}`,
      `${median.toFixed(2)}${range}`,
      verdict,
    ];
  });
  const head = ["model", "cell", "slolab, tokens/s", "other, tokens/s", "ratio, median (min-max)", "goal"];
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const line = (row: string[]) => `| ${row.map((text, i) => text.padEnd(widths[i])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** A ratio for the JSON line, rounded. */
export function roundedRatio(ratio: Ratio): Record<string, unknown> {
  const digits = (n: number, count: number) => Number(n.toFixed(count));
  return {
    ...ratio,
    rates: ratio.rates.map((rate) => digits(rate, 1)),
    median: digits(ratio.median, 3),
    min: digits(ratio.min, 3),
    max: digits(ratio.max, 3),
  };
}
