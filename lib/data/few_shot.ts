/** Solved examples to show before a question: kept apart from every question that is asked. */
import { createRandom, sample } from "../math/mod.ts";
import type { Example } from "../types/mod.ts";
import { questionKey } from "./duplicates.ts";

export interface FewShot {
  /** By subject. */
  mmlu: Map<string, Example[]>;
  gsm8k: Example[];
}

/** Takes a seeded tenth of the records out, to be shown and never asked; both parts keep their order. */
export function holdOut<T>(records: readonly T[], seed: number): { asked: T[]; heldOut: T[] } {
  const shown = new Set(sample(records, Math.ceil(records.length / 10), createRandom(seed)));
  return {
    asked: records.filter((r) => !shown.has(r)),
    heldOut: records.filter((r) => shown.has(r)),
  };
}

/** Leaves out examples that a question of the same subject repeats: they would show its answer. */
export function withoutAsked<T extends Pick<Example, "dataset" | "prompt" | "subject">>(
  pool: readonly T[],
  asked: readonly T[],
): T[] {
  const keyOf = (r: T) => `${r.subject}\n${questionKey(r)}`;
  const keys = new Set(asked.map(keyOf));
  return pool.filter((r) => !keys.has(keyOf(r)));
}
