/** Which records ask the same: equal question and choices, whatever their case and spacing. */
import type { Draft } from "./benchmark.ts";

const normalise = (text: string) => text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();

const keys = new WeakMap<object, string>();

/** Gives the key that records with the same normalised question and choices share; worked out once a record. */
export function questionKey(record: Pick<Draft, "dataset" | "prompt">): string {
  let key = keys.get(record);
  if (key === undefined) keys.set(record, key = `${record.dataset}\n${normalise(record.prompt)}`);
  return key;
}

/** Groups records by a key, in order of first appearance. */
export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Counts the records that ask what an earlier one asked. */
export function countDuplicates(records: readonly Draft[]): number {
  return records.length - groupBy(records, questionKey).size;
}
