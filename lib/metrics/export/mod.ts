/** Levels of a run folder as the result files of other benchmarks, for the tools that read those. */
import { basename, join } from "node:path";
import { BadInput } from "../../std/errors.ts";
import { exists, readJson, writeAtomic, writeJson } from "../../std/files.ts";
import { type LevelFiles, readLevels } from "../level_files.ts";
import { aiperfLine, aiperfRecords } from "./aiperf.ts";
import { vllmResult } from "./vllm.ts";

export const EXPORT_FORMATS = ["vllm", "aiperf"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What is read of `run.json`. */
interface Run {
  model?: { name?: string };
  /** Null where an endpoint answered. */
  variant?: string | null;
  endpoint?: unknown;
  started_at?: string[];
}

/**
 * Writes each level of a run folder in another benchmark's format: `vllm_NAME.json`, or
 * `aiperf_NAME/profile_export.jsonl`; files of an earlier export are replaced.
 * @returns the paths
 * @throws {BadInput} where the folder holds no requests.
 */
export async function exportRun(dir: string, format: ExportFormat): Promise<string[]> {
  const levels = (await readLevels(dir)).filter((level) => level.records.length > 0);
  if (levels.length === 0) {
    throw new BadInput(
      `Cannot export ${dir} as it must hold the requests of a level (requests_NAME.jsonl): there are none`,
    );
  }
  const run = await exists(join(dir, "run.json")) ? await readJson<Run>(join(dir, "run.json")) : {};
  const paths: string[] = [];
  for (const level of levels) {
    const path = join(
      dir,
      format === "vllm" ? `vllm_${level.name}.json` : `aiperf_${level.name}/profile_export.jsonl`,
    );
    if (format === "vllm") await writeJson(path, vllmResult(exportedLevel(level, run)));
    else {
      const lines = aiperfRecords(level.records, level.segments).map(aiperfLine);
      await writeAtomic(path, lines.map((line) => `${line}\n`).join(""));
    }
    paths.push(path);
  }
  return paths;
}

function exportedLevel({ records, metrics, load, segments }: LevelFiles, run: Run) {
  const slo = metrics?.summary.slo;
  const model = run.model?.name ?? "unknown";
  const seconds = metrics?.summary.duration_sec;
  const startedAt = segments[0]?.startedAt ?? run.started_at?.[0] ?? 0;
  return {
    records,
    durationMs: seconds === null || seconds === undefined
      ? records.reduce((latest, r) => Math.max(latest, r.doneAt), 0)
      : 1000 * seconds,
    slo: slo ? { ttftMs: slo.ttft_ms, tpotMs: slo.tpot_ms, e2eMs: slo.e2e_ms } : null,
    load,
    // As clients of the endpoint name it; of the engine, as `deno task serve` does.
    modelId: run.endpoint || !run.variant
      ? model
      : `${basename(model).replace(/\.gguf$/i, "")}/${run.variant}`,
    backend: run.endpoint ? "openai-chat" : "slolab",
    startedAt: new Date(startedAt),
  };
}
