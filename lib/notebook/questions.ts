/** What 01_data shows. */
import { type LoadedData, loadOrBuild, loadSample, SPLITS } from "../data/mod.ts";
import { buildPrompt, TEMPLATE_VERSIONS, toMessages } from "../prompts/mod.ts";
import type { Row } from "../report/show.ts";
import type { DatasetName, Example } from "../types/mod.ts";
import type { LabSettings } from "./settings.ts";

/** The questions of a notebook: in quick mode the project's sample, else MMLU and GSM8K where they can be had. */
export function loadQuestions({ quick }: Pick<LabSettings, "quick">): Promise<LoadedData> {
  const options = { templateVersions: TEMPLATE_VERSIONS, onLine: (line: string) => console.log(line.trim()) };
  return quick ? loadSample(options) : loadOrBuild(options);
}

export const COUNT_HEAD = ["data set", ...SPLITS, "all", "few-shot", "duplicates"];

/** Questions of each data set by split; duplicates ask what an earlier question asks. */
export function countRows({ manifest }: Pick<LoadedData, "manifest">): Row[] {
  return Object.entries(manifest.counts).map(([dataset, c]) => [
    dataset.toUpperCase(),
    ...SPLITS.map((split) => c[split]),
    c.total,
    c.few_shot,
    c.duplicates,
  ]);
}

export const SOURCE_HEAD = ["data set", "split", "used for", "rows", "from", "revision", "SHA-256"];

/** The files that the questions were made from. */
export function sourceRows({ manifest }: Pick<LoadedData, "manifest">): Row[] {
  return manifest.sources.map((s) => [
    s.dataset.toUpperCase(),
    s.split,
    s.use.replace("_", "-"),
    s.rows,
    `${s.from}: ${s.location.split("/").slice(-3).join("/")}`,
    s.revision.slice(0, 12),
    s.sha256.slice(0, 12),
  ]);
}

/** How many ids stand in more than one split: none may. */
export function sharedIds(splits: Record<(typeof SPLITS)[number], readonly Example[]>): number {
  const ids = SPLITS.flatMap((split) => [...new Set(splits[split].map((e) => e.id))]);
  return ids.length - new Set(ids).size;
}

/** The first question of a data set, as the messages that a model is asked with. */
export function promptText(examples: readonly Example[], dataset: DatasetName): string {
  const example = examples.find((e) => e.dataset === dataset);
  if (example === undefined) return `no question of ${dataset}`;
  const built = buildPrompt(example, dataset);
  const messages = toMessages(built).map(({ role, content }) => `[${role}]\n${content}`);
  const { id, subject, difficulty, inputLength } = example;
  return [
    `${id} (${subject}, ${difficulty}, ${inputLength} tokens, template ${built.version})`,
    ...messages,
    `[reference answer]\n${built.answer}`,
  ].join("\n\n");
}
