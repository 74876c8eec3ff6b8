/** One metric's percentiles with their intervals, mean and spread. */
import { mean, quantileInterval, quantileSorted, std } from "../math/mod.ts";
import { type Distribution, PERCENTILES } from "./document.ts";

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
