/** One metric's percentiles with their intervals, mean and spread. */
import { mean, quantileInterval, quantileSorted, std } from "../math/mod.ts";
import { type Distribution, PERCENTILES } from "./document.ts";

/** The values of one metric, gathered without knowing how many will come. */
export class Column {
  #values = new Float64Array(1024);
  #length = 0;

  /** Adds a value; one that cannot be told adds nothing. */
  add(value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
  }

  /** A view of the values so far, in the order of their adding until they are sorted. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** Describes values in any order; the array is sorted in place. */
export function describe(values: Float64Array): Distribution {
  values.sort();
  const percentiles = PERCENTILES.map((p) => [`p${p}`, quantileSorted(values, p / 100)]);
  const intervals = PERCENTILES.map((p) => {
    const { lower, upper } = quantileInterval(values, p / 100);
    return [`p${p}_ci`, [lower, upper]];
  });
  return {
    ...Object.fromEntries(percentiles),
    mean: mean(values),
    std: std(values),
    min: values.at(0) ?? null,
    max: values.at(-1) ?? null,
    count: values.length,
    ...Object.fromEntries(intervals),
  };
}
