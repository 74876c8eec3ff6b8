/** Seeded random numbers, quantiles and intervals. */
export * from "./binomial.ts";
export * from "./difference.ts";
export * from "./early_stopping.ts";
export * from "./python_random.ts";
export * from "./quantile.ts";
export * from "./random.ts";
export * from "./stats.ts";
