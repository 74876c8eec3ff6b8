/**
 * The stratified split: 60% train, 20% val, 20% test of every dataset x subject x difficulty.
 *
 * Duplicates are one unit and share a split. Strata of fewer than 5 records are pooled within dataset x
 * difficulty. Totals are 60/20/20 to the record for each data set, and no split is empty. Whole numbers and
 * seeded random numbers alone decide, so every machine splits alike.
 */
import { createRandom, shuffle } from "../math/mod.ts";
import { BadInput } from "../std/errors.ts";
import type { SplitName } from "../types/mod.ts";
import type { Draft } from "./benchmark.ts";
import { groupBy, questionKey } from "./duplicates.ts";

export const SPLITS = ["train", "val", "test"] as const satisfies readonly SplitName[];
/** Fifths of all records. */
const SHARES = [3, 1, 1];
const SMALLEST_STRATUM = 5;

interface Stratum {
  size: number;
  /** Units of each split. */
  units: [Draft[][], Draft[][], Draft[][]];
  counts: [number, number, number];
}

/** Fifths of a record that a split of a stratum holds beyond its share. */
const excess = ({ counts, size }: Stratum, split: number) => 5 * counts[split] - SHARES[split] * size;

/** Says how many of `total` records each split gets: its share by largest remainder, at least 1. */
function quotas(total: number): number[] {
  const test = Math.max(1, Math.floor((total + 2) / 5));
  const val = Math.max(1, Math.floor((total + 2) / 5));
  return [total - val - test, val, test];
}

/** Lays units into a stratum, large ones first, each into the split that is furthest below its share. */
function fill(units: readonly Draft[][]): Stratum {
  const stratum: Stratum = {
    size: units.reduce((sum, unit) => sum + unit.length, 0),
    units: [[], [], []],
    counts: [0, 0, 0],
  };
  for (const unit of units.toSorted((a, b) => b.length - a.length)) {
    const split = [0, 1, 2].reduce((best, s) => excess(stratum, s) < excess(stratum, best) ? s : best);
    stratum.units[split].push(unit);
    stratum.counts[split] += unit.length;
  }
  return stratum;
}

/** Moves single records from too full splits to too empty ones, where it bends a stratum least. */
function balance(strata: readonly Stratum[], dataset: string): void {
  const wanted = quotas(strata.reduce((sum, { size }) => sum + size, 0));
  for (;;) {
    const over = wanted.map((quota, split) => strata.reduce((sum, s) => sum + s.counts[split], -quota));
    const from = over.indexOf(Math.max(...over)), to = over.indexOf(Math.min(...over));
    if (over[from] <= 0) return;
    const movable = strata.filter((s) => s.units[from].some((unit) => unit.length === 1));
    if (movable.length === 0) {
      throw new BadInput(
        `Cannot split ${dataset} as it must hold enough different questions: it has too few`,
      );
    }
    const gain = (s: Stratum) => excess(s, from) - excess(s, to);
    const stratum = movable.reduce((best, s) => gain(s) > gain(best) ? s : best);
    const at = stratum.units[from].findLastIndex((unit) => unit.length === 1);
    stratum.units[to].push(...stratum.units[from].splice(at, 1));
    stratum.counts[from]--;
    stratum.counts[to]++;
  }
}

/** Strata of the units of one data set, by name; a unit lies where its first record belongs. */
function strataOf(units: readonly Draft[][]): Draft[][][] {
  const fine = groupBy(units, ([{ subject, difficulty }]) => `${difficulty}/${subject}`);
  const sizes = new Map(fine.entries().map(([key, group]) => [key, group.flat().length]));
  const pooled = groupBy(units, ([{ subject, difficulty }]) => {
    const key = `${difficulty}/${subject}`;
    return sizes.get(key)! < SMALLEST_STRATUM ? difficulty : key;
  });
  return [...pooled.keys()].sort().map((key) => pooled.get(key)!);
}

/**
 * Splits records into train, val and test, each in seeded random order, so that its beginning is a fair sample.
 * @throws {BadInput} where a data set is too small for three splits.
 */
export function stratifiedSplit<T extends Draft>(
  records: readonly T[],
  seed: number,
): Record<SplitName, T[]> {
  const result: [Draft[], Draft[], Draft[]] = [[], [], []];
  const random = createRandom(seed);
  for (const [dataset, own] of groupBy(records, (r) => r.dataset)) {
    if (own.length < SPLITS.length) {
      throw new BadInput(
        `Cannot split ${dataset} as train, val and test each need a record: there are ${own.length}`,
      );
    }
    const units = [...groupBy(own, questionKey).values()];
    const strata = strataOf(units).map((stratum) => fill(shuffle(stratum, random)));
    balance(strata, dataset);
    for (const { units } of strata) units.forEach((list, split) => result[split].push(...list.flat()));
  }
  const [train, val, test] = result.map((list) => shuffle(list as T[], random));
  return { train, val, test };
}
