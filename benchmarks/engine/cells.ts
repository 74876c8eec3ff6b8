/** What is measured, in which order, and what of it is still to be done. */
import type { DecodeCell } from "./measure.ts";

export type Cell =
  | ({ kind: "decode" } & DecodeCell)
  | { kind: "prefill"; length: number }
  | { kind: "workload"; concurrency: number };

export const ENGINES = ["med", "q8_0", "cheap", "q4_0"] as const;
export type EngineName = typeof ENGINES[number] | "transformers_js";

/** One cell of one model in one round: all engines, one after another. */
export interface Turn {
  model: string;
  cell: Cell;
  round: number;
}

/** What a turn gave, as it stands in the log. */
export interface TurnRecord {
  model: string;
  cell: string;
  round: number;
  /** In the order in which they were measured. */
  engines: Partial<Record<EngineName, { tokens: number; seconds: number }>>;
}

export interface Scope {
  cells: Cell[];
  /** Requests of the workload, and the most tokens of an answer. */
  requests: number;
  maxTokens: number;
  /** Least time that an engine is timed for in a turn of decoding or prefill, in ms. */
  ms: number;
}

export const FULL: Scope = {
  cells: [
    ...[1, 4, 8, 16, 32].map((batch) => ({ kind: "decode" as const, batch, past: 200 })),
    { kind: "decode", batch: 8, past: 900 },
    ...[128, 512].map((length) => ({ kind: "prefill" as const, length })),
    ...[8, 32, 1].map((concurrency) => ({ kind: "workload" as const, concurrency })),
  ],
  requests: 40,
  maxTokens: 64,
  ms: 1500,
};

export const QUICK: Scope = {
  cells: [
    { kind: "decode", batch: 1, past: 200 },
    { kind: "decode", batch: 8, past: 200 },
    { kind: "prefill", length: 128 },
    { kind: "workload", concurrency: 8 },
  ],
  requests: 8,
  maxTokens: 16,
  ms: 300,
};

export function cellName(cell: Cell): string {
  switch (cell.kind) {
    case "decode":
      return `decode ${cell.batch}, past ${cell.past}`;
    case "prefill":
      return `prefill ${cell.length}`;
    case "workload":
      return `workload, concurrency ${cell.concurrency}`;
  }
}

/** Rounds of the workload by concurrency; the larger model has few, so that a whole run takes under 40 minutes. */
const WORKLOAD_ROUNDS: Record<string, Record<number, number>> = {
  smollm2: { 1: 1, 8: 3, 32: 3 },
  qwen05: { 8: 1 },
};

/** Rounds of a cell where `rounds` are asked for. */
export function roundsOf(model: string, cell: Cell, rounds: number): number {
  if (cell.kind !== "workload") return rounds;
  return Math.min(rounds, WORKLOAD_ROUNDS[model]?.[cell.concurrency] ?? 0);
}

/** The engines of a turn in the order in which they are measured: to and fro, so that none always comes first. */
export function enginesOf({ cell, round }: Turn, hasTransformersJs: boolean): EngineName[] {
  const engines: EngineName[] = round % 2 === 0 ? [...ENGINES] : ENGINES.toReversed();
  const once = cell.kind === "workload" && cell.concurrency === 8 && round === 0;
  return once && hasTransformersJs ? [...engines, "transformers_js"] : engines;
}

/** The turns of a model that the log does not hold, round by round, workloads last as they empty the KV caches. */
export function turnsLeft(
  model: string,
  cells: readonly Cell[],
  rounds: number,
  done: readonly TurnRecord[],
): Turn[] {
  const key = (model: string, cell: string, round: number) => JSON.stringify([model, cell, round]);
  const have = new Set(done.map((record) => key(record.model, record.cell, record.round)));
  const turns: Turn[] = [];
  for (const isWorkload of [false, true]) {
    for (let round = 0; round < rounds; round++) {
      for (const cell of cells) {
        if ((cell.kind === "workload") !== isWorkload || round >= roundsOf(model, cell, rounds)) continue;
        if (!have.has(key(model, cellName(cell), round))) turns.push({ model, cell, round });
      }
    }
  }
  return turns;
}
