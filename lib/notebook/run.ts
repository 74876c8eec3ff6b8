/** What 06_baseline_report shows: a finished run folder. */
import { join } from "node:path";
import type { EvaluationResults } from "../eval/mod.ts";
import { percent } from "../metrics/mod.ts";
import { type BaselineSettings, runBaseline } from "../pipeline/baseline.ts";
import type { RunDocument } from "../pipeline/run_folder.ts";
import type { Row } from "../report/show.ts";
import { judge, readRun, type RunDocuments } from "../report/mod.ts";
import { datasetsOf } from "../report/run_documents.ts";
import { exists, readJson } from "../std/files.ts";
import { toRecord } from "../types/mod.ts";
import { ROOT } from "./environment.ts";
import { loadQuestions } from "./questions.ts";
import type { LabSettings } from "./settings.ts";

const RESULTS = join(ROOT, "results");
/** The runs of the notebooks themselves, in RESULTS. */
const OWN = "notebooks";

/**
 * Finds the run that was finished last: a folder with a complete `run.json`, or one within a folder (a study's).
 * @returns its path, or null where there is none
 */
export async function newestRun(results = RESULTS): Promise<string | null> {
  let newest: { dir: string; at: number } | null = null;
  for (
    const dir of [
      ...await folders(results),
      ...(await Promise.all((await folders(results)).map(folders))).flat(),
    ]
  ) {
    const path = join(dir, "run.json");
    if (!await exists(path) || !await exists(join(dir, "summary.json"))) continue;
    const { status } = await readJson<RunDocument>(path);
    const at = (await Deno.stat(join(dir, "summary.json"))).mtime?.getTime() ?? 0;
    if (status === "complete" && at > (newest?.at ?? -1)) newest = { dir, at };
  }
  return newest?.dir ?? null;
}

async function folders(dir: string): Promise<string[]> {
  if (!await exists(dir)) return [];
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory && name !== OWN) found.push(join(dir, name));
  }
  return found;
}

/**
 * Gives the folder of the run to report on: the newest, or where there is none, one of the notebook's own. In quick
 * mode it is always run anew, in a folder that is its own to replace.
 */
export async function ensureRun(settings: LabSettings): Promise<string> {
  const found = settings.quick ? null : await newestRun();
  if (found !== null) return found;
  const dir = join(RESULTS, OWN, settings.quick ? "quick" : "baseline");
  const asked = baselineSettings(settings);
  if (settings.quick) { if (await exists(dir)) await Deno.remove(dir, { recursive: true }); }
  else if (await isRunOf(dir, asked)) return dir;
  await runBaseline(asked, {
    outputDir: dir,
    resume: false,
    preprocess: false,
    dataDir: settings.quick ? (await loadQuestions(settings)).dir : undefined,
    command: `deno task notebooks --only 06_baseline_report${settings.quick ? " --quick" : ""}`,
    print: () => {},
  });
  return dir;
}

async function isRunOf(dir: string, asked: BaselineSettings): Promise<boolean> {
  const path = join(dir, "run.json");
  if (!await exists(path)) return false;
  const { status, fingerprint } = await readJson<RunDocument>(path);
  return status === "complete" &&
    Object.entries(toRecord(asked)).every(([key, value]) =>
      JSON.stringify(fingerprint[key]) === JSON.stringify(value)
    );
}

function baselineSettings(settings: LabSettings): BaselineSettings {
  const { model, variant, slots, context, concurrencies, numRequests, maxTokens, slo, seed } = settings;
  return {
    preset: settings.quick ? "notebook quick" : "notebook",
    model,
    variant,
    device: "cpu",
    slots,
    context,
    overlong: "reject",
    concurrencies,
    numRequests,
    warmup: 1,
    loadMaxTokens: maxTokens,
    mmluMaxTokens: 16,
    gsm8kMaxTokens: settings.gsm8kMaxTokens,
    mmluMethod: "loglikelihood",
    mmluLimit: settings.mmluLimit,
    gsm8kLimit: settings.gsm8kLimit,
    dataSubset: null,
    slo,
    seed,
  };
}

/** What a run folder holds, its evaluation whole. */
export async function openRun(dir: string): Promise<RunDocuments & { results: EvaluationResults | null }> {
  const path = join(dir, "eval_results.json");
  return {
    ...await readRun(dir),
    results: await exists(path) ? await readJson<EvaluationResults>(path) : null,
  };
}

export const VERDICT_HEAD = ["question", "answer"];

/** What a reader must know in ten seconds: what ran, whether the SLO is met, where it breaks, how accurate it is. */
export function verdictRows({ run, levels, evaluation, isSample }: RunDocuments): Row[] {
  const { slo, breaks } = judge(levels.flatMap((l) => l.metrics ? [l.metrics.summary] : []));
  const accuracies = datasetsOf(evaluation).map(({ name, accuracy: a }) =>
    `${name} ${percent(a.accuracy, 1)}` +
    (a.wilson_95 ? ` [${percent(a.wilson_95[0], 1)}, ${percent(a.wilson_95[1], 1)}]` : "")
  );
  return [
    ["What ran?", [run.model?.name, run.variant, run.device].filter((part) => part !== undefined).join(", ")],
    ["On what?", isSample ? "the project's sample: no results on MMLU or GSM8K" : "MMLU and GSM8K"],
    ["Is the SLO met?", slo],
    ["Where does it break?", breaks],
    ["How accurate is it?", accuracies.join("; ") || "not evaluated"],
    ["How is it repeated?", run.command ?? "the run does not say"],
  ];
}
