/** What a study found: its document, and the same as Markdown. */
import type { VariantName } from "../compress/variant.ts";
import {
  type Comparison,
  type EvaluationResults,
  MMLU_CHANCE,
  type PredictionComparison,
} from "../eval/mod.ts";

/** A variant's row. */
export interface StudyRow {
  variant: VariantName;
  /** Null behind an endpoint, as the bits are. */
  bytes: number | null;
  bits_per_weight: number | null;
  mmlu: AccuracyCell;
  gsm8k: AccuracyCell;
  levels: {
    concurrency: number;
    throughput_tokens_per_sec: number | null;
    ttft_p50_ms: number | null;
    tpot_p50_ms: number | null;
    e2e_p50_ms: number | null;
  }[];
}
export type AccuracyCell = Pick<
  EvaluationResults["mmlu"],
  "accuracy" | "correct_count" | "total_count" | "wilson_95"
>;

/** `study.json`. */
export interface StudyDocument {
  model: string;
  /** Bits a weight of the files that the variants were made from. */
  source_bits_per_weight: number | null;
  data_source: string;
  command: string;
  rows: StudyRow[];
  /** Each variant against those before it. */
  comparisons: ({ first: VariantName; second: VariantName } & PredictionComparison)[];
}

/** Bytes in whole MB; a dash where they are unknown. */
export const megabytes = (bytes: number | null): string =>
  bytes === null ? "-" : `${(bytes / 1e6).toFixed(0)} MB`;

/** Whether the files that the variants were made from are themselves quantised. */
export const isQuantised = ({ source_bits_per_weight: bits }: StudyDocument): boolean =>
  bits !== null && bits < 16;

/** The study as Markdown tables. */
export function studyTable(study: StudyDocument): string {
  const percent = (x: number | null) => x === null ? "-" : `${(100 * x).toFixed(1)}%`;
  const ms = (x: number | null) => x === null ? "-" : x.toFixed(0);
  const accuracy = (c: AccuracyCell) =>
    `${percent(c.accuracy)} (${c.correct_count}/${c.total_count})` +
    (c.wilson_95 ? ` [${percent(c.wilson_95[0])}, ${percent(c.wilson_95[1])}]` : "");
  const table = (head: string[], rows: string[][]) =>
    [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const points = (x: number) => (100 * x).toFixed(1);
  const flips = (name: string, c: Comparison | null) =>
    c === null ? [name, "-", "-", "-", "-"] : [
      name,
      `${points(c.difference)} points [${points(c.interval[0])}, ${points(c.interval[1])}]`,
      String(c.rightToWrong),
      String(c.wrongToRight),
      `${c.changed} of ${c.count}`,
    ];
  return [
    study.model +
    (study.source_bits_per_weight === null
      ? ", endpoints"
      : `, source ${study.source_bits_per_weight.toFixed(2)} bits a weight`) +
    (study.data_source === "sample" ? ", SAMPLE questions" : ""),
    ...(isQuantised(study)
      ? ["The source is itself quantised: differences from base are the cost of rounding it once more."]
      : []),
    "",
    table(
      ["variant", "bytes", "bits a weight", `MMLU (guessing: ${percent(MMLU_CHANCE)})`, "GSM8K"],
      study.rows.map((r) => [
        r.variant,
        megabytes(r.bytes),
        r.bits_per_weight?.toFixed(2) ?? "-",
        accuracy(r.mmlu),
        accuracy(r.gsm8k),
      ]),
    ),
    "",
    table(
      ["variant", "concurrency", "tokens/s", "TTFT p50 ms", "TPOT p50 ms", "E2E p50 ms"],
      study.rows.flatMap((r) =>
        r.levels.map((l) => [
          r.variant,
          String(l.concurrency),
          l.throughput_tokens_per_sec?.toFixed(1) ?? "-",
          ms(l.ttft_p50_ms),
          ms(l.tpot_p50_ms),
          ms(l.e2e_p50_ms),
        ])
      ),
    ),
    "",
    table(
      ["against", "data set", "difference", "right to wrong", "wrong to right", "other answers"],
      study.comparisons.flatMap(({ first, second, mmlu, gsm8k }) =>
        [flips("MMLU", mmlu), flips("GSM8K", gsm8k)].map((cells) => [`${second} - ${first}`, ...cells])
      ),
    ),
    "",
  ].join("\n");
}
