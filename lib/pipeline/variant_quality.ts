/**
 * What a variant costs in quality: perplexity on a fixed text, and how far its next-token distributions lie from
 * base's over questions of the test split. Written into the `report.json` that the build left.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { VariantReport } from "../compress/build.ts";
import { ensureVariant } from "../compress/cache.ts";
import type { VariantManifest, VariantName } from "../compress/variant.ts";
import type { LoadedData } from "../data/mod.ts";
import { compareRunners, type Divergence } from "../engine/divergence.ts";
import { OrtRunner } from "../engine/ort_runner.ts";
import { readTokenizer } from "../engine/tokenizer.ts";
import { createRandom, shuffle } from "../math/mod.ts";
import { buildPrompt, promptHash, toMessages } from "../prompts/mod.ts";
import { BadInput } from "../std/errors.ts";
import { readJson, sha256, writeJson } from "../std/files.ts";
import { Progress } from "../std/progress.ts";
import type { DatasetName, PromptInput } from "../types/mod.ts";

/** Questions of each data set, and the longest that is taken, in tokens. */
const QUESTIONS = 32, LONGEST = 512;
/** Positions that run at once: their logits are in memory twice. */
const CHUNK = 64;
const SEED = 20;

/** `quality` in `report.json`. KL in nats. */
export interface VariantQuality {
  /** Null for base itself. */
  kl_to_base: { mean: number; mean_at_prompt_end: number } | null;
  /** Share of positions with base's likeliest token. */
  top1_agreement: number | null;
  prompts: number;
  positions: number;
  /** Over the prompts, in their order. */
  prompts_sha256: string;
  data_source: "benchmarks" | "sample";
  perplexity: number | null;
  text_sha256: string;
  /** Of the text, those that perplexity is taken over. */
  text_tokens: number;
  /** What the figures can't say where the source is itself quantised; else null. */
  note: string | null;
}

export interface QualityOptions {
  model: string;
  /** Variants to judge. */
  variants: readonly VariantName[];
  rounding: VariantReport["rounding"];
  data: Pick<LoadedData, "test" | "isSample">;
  cacheDir?: string;
  /** Questions of each data set (default 32). */
  questions?: number;
  /** Most tokens of the fixed text (default: all). */
  textTokens?: number;
  /** Whether the figures are kept in `report.json` (default true). */
  save?: boolean;
  /** Bytes of memory that are free (default: asks the system). */
  available?: number;
}

/**
 * Judges variants, building those that are not there, and base, which they are compared with.
 * @throws {BadInput} where the model has no tokenizer, or memory for base and another variant is short.
 */
export async function judgeVariants(options: QualityOptions): Promise<Map<VariantName, VariantQuality>> {
  const { variants, rounding, data, questions = QUESTIONS, textTokens = Infinity, save = true } = options;
  const ensure = (variant: VariantName) => ensureVariant({ ...options, variant, rounding });
  const base = await ensure("base");
  const folders = new Map<VariantName, Awaited<ReturnType<typeof ensure>>>();
  for (const variant of variants) folders.set(variant, variant === "base" ? base : await ensure(variant));
  requireMemory(base.manifest, [...folders.values()].map((f) => f.manifest), options.available);

  const tokenizer = await readTokenizer(base.dir);
  if (tokenizer === null) {
    throw new BadInput(`Cannot report on ${options.model} as it must have a tokenizer: it has none`);
  }
  const text = await Deno.readTextFile(fileURLToPath(new URL("../../data/report_text.txt", import.meta.url)));
  const textIds = tokenizer.promptIds({ text }).slice(0, Math.min(textTokens, base.manifest.contextLength));
  const prompts = choosePrompts(data, questions, (prompt) => tokenizer.promptIds(prompt).length);
  const promptIds = prompts.map(({ prompt }) => tokenizer.promptIds(prompt));

  const context = Math.min(base.manifest.contextLength, Math.max(textIds.length, LONGEST));
  const load = (dir: string) => OrtRunner.create(dir, { slots: 1, context, chunk: CHUNK });
  const progress = new Progress({ label: "prompts against base", total: prompts.length });
  const runners: OrtRunner[] = [];
  let onText: Divergence[], onPrompts: Divergence[];
  try {
    const reference = await load(base.dir);
    runners.push(reference);
    for (const [variant, { dir }] of folders) if (variant !== "base") runners.push(await load(dir));
    onText = await compareRunners(reference, runners, [textIds]);
    onPrompts = await compareRunners(reference, runners.slice(1), promptIds, (done) => progress.update(done));
  } finally {
    progress.finish();
    for (const runner of runners) runner.close();
  }

  const qualities = new Map<VariantName, VariantQuality>();
  let at = 0;
  for (const [variant, { dir, manifest }] of folders) {
    const divergence = variant === "base" ? null : onPrompts[at++];
    const quality: VariantQuality = {
      kl_to_base: divergence && { mean: divergence.meanKl, mean_at_prompt_end: divergence.meanKlAtEnd },
      top1_agreement: divergence && divergence.sameTop,
      prompts: prompts.length,
      positions: promptIds.reduce((sum, ids) => sum + ids.length, 0),
      prompts_sha256: sha256(prompts.map((p) => promptHash(p.prompt, p.version)).join("\n")),
      data_source: data.isSample ? "sample" : "benchmarks",
      perplexity: onText[divergence ? at : 0].perplexity.variant,
      text_sha256: sha256(text),
      text_tokens: textIds.length,
      note: sourceNote(manifest),
    };
    qualities.set(variant, quality);
    if (!save) continue;
    const path = join(dir, "report.json");
    await writeJson(path, { ...await readJson<VariantReport>(path), quality });
  }
  return qualities;
}

/** Draws questions of each data set that are not too long, the same on every machine. */
function choosePrompts(
  { test }: Pick<LoadedData, "test">,
  questions: number,
  lengthOf: (prompt: PromptInput) => number,
): { prompt: PromptInput; version: string }[] {
  const random = createRandom(SEED);
  return (["mmlu", "gsm8k"] satisfies DatasetName[]).flatMap((dataset) => {
    const chosen: { prompt: PromptInput; version: string }[] = [];
    for (const example of shuffle(test.filter((e) => e.dataset === dataset), random)) {
      if (chosen.length === questions) break;
      const built = buildPrompt(example, dataset);
      const prompt = { messages: toMessages(built) };
      if (lengthOf(prompt) <= LONGEST) chosen.push({ prompt, version: built.version });
    }
    return chosen;
  });
}

/** Says what a second rounding can't tell, where the source is quantised. */
export function sourceNote({ source }: Pick<VariantManifest, "source">): string | null {
  if (source.bitsPerWeight > 15.9) return null;
  return `The source is itself quantised, to ${
    source.bitsPerWeight.toFixed(2)
  } bits a weight, and base holds those ` +
    "weights: the figures are the cost of a second rounding, not that of the variant's bits against the model's " +
    "original weights";
}

/** Base runs in float32, and its 16-bit weights are there while it loads; the others' are packed for the kernels. */
function requireMemory(base: VariantManifest, others: VariantManifest[], available?: number): void {
  const logits = 4 * CHUNK * base.vocabSize;
  let need = 6 * base.parameters + logits;
  for (const other of others) if (other.variant !== "base") need += 2 * other.bytes + logits;
  const free = available ?? Deno.systemMemoryInfo().available;
  if (need <= free) return;
  const gb = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new BadInput(
    `Cannot report on ${base.model} as base and what is compared with it must fit memory at once: they need ` +
      `about ${gb(need)}, ${gb(free)} are free`,
  );
}
