/** The levels of load that a run folder holds, whatever pattern sent them. */
import { join } from "node:path";
import { type LoadSettings, readRequestRecords, type Segment } from "../load/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson } from "../std/files.ts";
import type { RequestRecord } from "../types/mod.ts";
import { describe } from "./distribution.ts";
import type { MetricsDocument } from "./document.ts";

/** A level: what is in `requests_NAME.jsonl`, `requests_NAME.level.json` and `metrics_NAME.json`. */
export interface LevelFiles {
  /** `concurrency_8`. */
  name: string;
  /** Those that the metrics count, without warm-up and cool-down windows; empty where the folder has the metrics alone. */
  records: RequestRecord[];
  /** Null where the level has not ended. */
  metrics: MetricsDocument | null;
  /** The pattern and its parameters, null where they are not on disk. */
  load: LoadSettings | null;
  /** Where the level's clock stood, and the wall clock, whenever it was begun or resumed. */
  segments: Segment[];
}

/**
 * Reads all levels of a run folder, in the order of their names (`concurrency_8` before `concurrency_16`).
 * @throws {BadInput} where there is no such folder, or a file is not what its name says.
 */
export async function readLevels(dir: string): Promise<LevelFiles[]> {
  const names = new Set<string>();
  try {
    for await (const { name } of Deno.readDir(dir)) {
      const level = /^(?:requests_(.+)\.jsonl|metrics_(.+)\.json)$/.exec(name);
      if (level) names.add(level[1] ?? level[2]);
    }
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory)) {
      throw thrown;
    }
    throw new BadInput(`Cannot read ${dir} as it must be the folder of a run: there is no such folder`);
  }
  const order = new Intl.Collator("en", { numeric: true });
  return await Promise.all([...names].sort(order.compare).map((name) => readLevel(dir, name)));
}

/**
 * Reads a metrics document, or null where there is none. One from before there were windows and schedule delays has
 * none of either.
 * @throws {BadInput} where the file is not JSON.
 */
export async function readMetrics(path: string): Promise<MetricsDocument | null> {
  if (!await exists(path)) return null;
  const metrics = await readJson<MetricsDocument>(path);
  metrics.schedule_delay ??= describe(new Float64Array());
  metrics.summary.excluded_requests ??= { warmup: 0, cooldown: 0 };
  return metrics;
}

/** `requests_NAME.level.json`, as far as it is read. */
interface State {
  fingerprint: LoadSettings;
  segments: { from_ms: number; started_at: string }[];
}

async function readLevel(dir: string, name: string): Promise<LevelFiles> {
  const requests = join(dir, `requests_${name}.jsonl`), level = join(dir, `requests_${name}.level.json`);
  const state = await exists(level) ? await readJson<State>(level) : null;
  const metrics = await readMetrics(join(dir, `metrics_${name}.json`));
  const segments = state?.segments ?? metrics?.summary.segments ?? [];
  return {
    name,
    records: await exists(requests) ? countedOf(await readRequestRecords(requests), metrics) : [],
    metrics,
    load: state?.fingerprint ?? null,
    segments: segments.map((s) => ({ fromMs: s.from_ms, startedAt: s.started_at })),
  };
}

/** Leaves out the first and last requests, in the order of their planned sending, that the metrics left out. */
function countedOf(records: RequestRecord[], metrics: MetricsDocument | null): RequestRecord[] {
  const { warmup, cooldown } = metrics?.summary.excluded_requests ?? { warmup: 0, cooldown: 0 };
  if (warmup + cooldown === 0) return records;
  return records.toSorted((a, b) => a.scheduledAt - b.scheduledAt).slice(warmup, records.length - cooldown);
}
