/**
 * Two run folders side by side: latency, throughput, SLO attainment, accuracy and settings.
 *
 * Levels of the same name are compared, and questions that both runs were asked. A run that is compared with itself
 * differs in nothing.
 */
import { basename, isAbsolute, join } from "node:path";
import { type Prediction, readPredictions } from "../../eval/mod.ts";
import {
  compareLevels,
  DEFAULT_SLO,
  type Difference,
  type LevelFiles,
  type LevelSample,
  MetricsCalculator,
  type MetricsDocument,
  readLevels,
  sloText,
  type Thresholds,
} from "../../metrics/mod.ts";
import { BadInput } from "../../std/errors.ts";
import { exists, readJson } from "../../std/files.ts";
import type { Slo } from "../../types/mod.ts";
import { flatten } from "../flatten.ts";
import type { EvaluationDocument, RunInfo } from "../run_documents.ts";
import { compareAccuracy, type ComparedAccuracy } from "./compare_accuracy.ts";
import { sentenceOf } from "./words.ts";

export interface ComparedLevel {
  /** `concurrency_8`. */
  level: string;
  requests: { a: number; b: number };
  /** Requests of the same example in both. */
  pairs: number;
  differences: Difference[];
}

/** What `deno task compare --json` prints. Every difference is b - a, its interval 95%. */
export interface RunComparison {
  a: { dir: string; name: string };
  b: { dir: string; name: string };
  thresholds: Thresholds;
  /** Keys of `run.json` whose values differ. */
  settings: { setting: string; a: string; b: string }[];
  levels: ComparedLevel[];
  levels_of_a_alone: string[];
  levels_of_b_alone: string[];
  accuracy: ComparedAccuracy[];
  /** In words, one a figure. */
  regressions: string[];
  improvements: string[];
  /** Figures that have an interval: those that could have been called worse. */
  figures: number;
  notes: string[];
  is_sample: boolean;
}

interface Run {
  dir: string;
  info: RunInfo;
  levels: LevelFiles[];
  predictions: Prediction[] | null;
  evaluation: EvaluationDocument | null;
}

/**
 * Compares two run folders; the second is judged against the first.
 * @throws {BadInput} where a folder holds no run, or both have neither a level nor a data set in common.
 */
export async function compareRuns(
  dirA: string,
  dirB: string,
  thresholds: Thresholds,
): Promise<RunComparison> {
  const [a, b] = [await readRun(dirA), await readRun(dirB)];
  const notes: string[] = [];
  const levels = a.levels.flatMap((ofA): ComparedLevel[] => {
    const ofB = b.levels.find((l) => l.name === ofA.name);
    return ofB ? [compareLevel(ofA, ofB, thresholds, notes)] : [];
  });
  const accuracy = compareAccuracy(a, b, thresholds, notes);
  const alone = (x: Run, y: Run) =>
    x.levels.map((l) => l.name).filter((name) => !y.levels.some((l) => l.name === name));
  if (levels.length === 0 && accuracy.length === 0) {
    throw new BadInput(
      `Cannot compare ${dirA} with ${dirB} as they must have a level or a data set in common: ${
        [a, b].map((run) => `${run.dir} has ${run.levels.map((l) => l.name).join(", ") || "no level"}`).join(
          ", ",
        )
      }`,
    );
  }
  const judged = [
    ...levels.flatMap((l) => l.differences.map((d) => ({ where: l.level, d }))),
    ...accuracy.filter((d) => d.dataset !== "overall").map((d) => ({ where: d.dataset, d })),
  ];
  const called = (verdict: Difference["verdict"]) =>
    judged.filter(({ d }) => d.verdict === verdict).map(({ where, d }) => `${where}: ${sentenceOf(d)}`);
  return {
    a: { dir: dirA, name: nameOf(a) },
    b: { dir: dirB, name: nameOf(b) },
    thresholds,
    settings: settingsThatDiffer(a.info, b.info),
    levels,
    levels_of_a_alone: alone(a, b),
    levels_of_b_alone: alone(b, a),
    accuracy,
    regressions: called("worse"),
    improvements: called("better"),
    figures: judged.filter(({ d }) => d.interval.some((bound) => bound !== null)).length,
    notes,
    is_sample: [a, b].some(({ info }) => info.data_source === "sample"),
  };
}

async function readRun(dir: string): Promise<Run> {
  const levels = (await readLevels(dir)).filter((l) => l.metrics !== null || l.records.length > 0);
  const read = async <T>(name: string) =>
    await exists(join(dir, name)) ? await readJson<T>(join(dir, name)) : null;
  const predictions = join(dir, "predictions.jsonl");
  return {
    dir,
    info: await read<RunInfo>("run.json") ?? {},
    levels,
    predictions: await exists(predictions) ? await readPredictions(predictions) : null,
    evaluation: await read<EvaluationDocument>("eval_results.json"),
  };
}

function nameOf({ dir, info }: Run): string {
  const model = info.model?.name;
  const parts = [model && isAbsolute(model) ? basename(model) : model, info.variant, info.device];
  return parts.filter((part) => part).join(", ") || dir; // a run against an endpoint may have no variant
}

function compareLevel(a: LevelFiles, b: LevelFiles, thresholds: Thresholds, notes: string[]): ComparedLevel {
  const known = a.metrics ?? b.metrics;
  const slo = known ? sloOf(known) : DEFAULT_SLO;
  const sample = ({ metrics, records }: LevelFiles): LevelSample => ({
    metrics: metrics ?? new MetricsCalculator(records, slo).computeAllMetrics(),
    records,
  });
  for (const [run, { metrics }] of [["A", a], ["B", b]] as const) {
    if (metrics === null) notes.push(`${a.name}: ${run} was not complete; its requests so far are compared.`);
  }
  const [ofA, ofB] = [sample(a), sample(b)];
  if (sloText(ofA.metrics.summary.slo) !== sloText(ofB.metrics.summary.slo)) {
    if (ofB.records.length > 0) {
      const { summary } = new MetricsCalculator(ofB.records, slo, {
        durationMs: 1000 * (ofB.metrics.summary.duration_sec ?? 0),
      }).computeAllMetrics();
      const { slo_compliance, slo_compliance_ci, goodput_requests_per_sec } = summary;
      ofB.metrics = {
        ...ofB.metrics,
        summary: { ...ofB.metrics.summary, slo_compliance, slo_compliance_ci, goodput_requests_per_sec },
      };
      notes.push(
        `${a.name}: the runs have other limits; both are judged by A's: ${sloText(ofA.metrics.summary.slo)}.`,
      );
    } else notes.push(`${a.name}: attainment and goodput are by other limits in A and B, and say little.`);
  }
  const { pairs, differences } = compareLevels(ofA, ofB, slo, thresholds);
  const requests = { a: ofA.metrics.summary.total_requests, b: ofB.metrics.summary.total_requests };
  if (ofA.records.length > 0 && ofB.records.length > 0 && pairs < Math.max(requests.a, requests.b)) {
    notes.push(
      `${a.name}: ${pairs} of ${requests.a} and ${requests.b} requests are of the same examples; the others may ` +
        "differ as their examples do.",
    );
  }
  return { level: a.name, requests, pairs, differences };
}

function sloOf({ summary: { slo } }: MetricsDocument): Slo {
  return { ttftMs: slo.ttft_ms, tpotMs: slo.tpot_ms, e2eMs: slo.e2e_ms };
}

/** What says when and where rather than how. */
const INCIDENTAL = /^(status|started_at|command|fingerprint$|versions\.v8$)/;

function settingsThatDiffer(a: RunInfo, b: RunInfo): RunComparison["settings"] {
  const leaves = (info: RunInfo) =>
    new Map(flatten(info).map(([key, value]) => [key.replace(/^fingerprint\./, ""), value]));
  const [ofA, ofB] = [leaves(a), leaves(b)];
  return [...new Set([...ofA.keys(), ...ofB.keys()])]
    .filter((key) => !INCIDENTAL.test(key) && ofA.get(key) !== ofB.get(key))
    .map((setting) => ({ setting, a: ofA.get(setting) ?? "none", b: ofB.get(setting) ?? "none" }));
}
