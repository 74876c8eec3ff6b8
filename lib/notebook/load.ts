/** What 04_load shows. */
import { ClosedLoopLoadGenerator } from "../load/mod.ts";
import { MetricsCalculator, summarizeLevel } from "../metrics/mod.ts";
import type { Measured } from "../report/charts/chart.ts";
import type { Example, InferenceTarget } from "../types/mod.ts";
import { messagesOf } from "./serving.ts";
import type { LabSettings } from "./settings.ts";

export type SweepSettings = Pick<
  LabSettings,
  "concurrencies" | "numRequests" | "maxTokens" | "slo" | "seed"
>;

/** Runs the closed loop at each concurrency; a level is what a run folder holds of it. */
export async function sweep(
  engine: InferenceTarget,
  data: readonly Example[],
  settings: SweepSettings,
  onLevel: (level: Measured) => void = () => {},
): Promise<Measured[]> {
  const levels: Measured[] = [];
  for (const concurrency of settings.concurrencies) {
    const load = new ClosedLoopLoadGenerator({
      infer: (example, context) =>
        engine.generate(messagesOf(example), { maxTokens: settings.maxTokens, ...context }),
      data,
      maxConcurrency: concurrency,
      numRequests: settings.numRequests,
      warmup: 1,
      seed: settings.seed,
      onProgress: () => {},
    });
    const records = await load.run();
    const metrics = new MetricsCalculator(records, settings.slo, { concurrency, ...load.summary })
      .computeAllMetrics();
    const level = { concurrency, row: summarizeLevel(concurrency, metrics), metrics, records };
    levels.push(level);
    onLevel(level);
  }
  return levels;
}

/** How many requests of all levels were answered. */
export function answeredCount(levels: readonly Measured[]): number {
  return levels.reduce((sum, l) => sum + l.metrics.summary.successful_requests, 0);
}
