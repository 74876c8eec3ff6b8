/** What 02_compress shows. */
import { join } from "node:path";
import type { VariantReport } from "../compress/build.ts";
import { ensureVariant } from "../compress/cache.ts";
import { type VariantManifest, type VariantName, VARIANTS } from "../compress/variant.ts";
import type { LoadedData } from "../data/mod.ts";
import { SingleVariantServer } from "../engine/single_variant_server.ts";
import { figure, percent } from "../metrics/mod.ts";
import { judgeVariants, sourceNote, type VariantQuality } from "../pipeline/variant_quality.ts";
import type { NextToken } from "../report/charts/variants.ts";
import type { Row } from "../report/show.ts";
import { readJson } from "../std/files.ts";
import type { LabSettings } from "./settings.ts";

/** A variant that is there, and what its rounding cost. */
export interface BuiltVariant {
  variant: VariantName;
  manifest: VariantManifest;
  report: VariantReport;
  /** Of building it; null where it was there already. */
  seconds: number | null;
}

/** Finds or builds base, med and cheap. */
export async function buildVariants({ model }: Pick<LabSettings, "model">): Promise<BuiltVariant[]> {
  const built: BuiltVariant[] = [];
  for (const variant of VARIANTS) {
    const startedAt = performance.now();
    const ensured = await ensureVariant({ model, variant, onProgress: () => {} });
    built.push({
      variant,
      manifest: ensured.manifest,
      report: await readJson<VariantReport>(join(ensured.dir, "report.json")),
      seconds: ensured.built ? (performance.now() - startedAt) / 1000 : null,
    });
  }
  return built;
}

/** The checkpoint that the variants were made from: what, whence, how many bits. */
export function checkpointRows([{ manifest }]: readonly BuiltVariant[]): Row[] {
  const { source, architecture, parameters, layers, hiddenSize, vocabSize, contextLength } = manifest;
  return [
    ["model", manifest.model],
    ["file", `${source.kind}: ${source.location}`],
    ["SHA-256", source.sha256],
    ["stored as", `${source.format}, ${source.bitsPerWeight.toFixed(2)} bits a weight`],
    ["architecture", `${architecture}: ${layers.length} layers of ${hiddenSize}, vocabulary ${vocabSize}`],
    ["parameters", `${(parameters / 1e6).toFixed(1)} M`],
    ["longest context", contextLength],
    ["note", sourceNote(manifest) ?? "the source is not quantised"],
  ];
}

export const VARIANT_HEAD = ["variant", "MB", "of base", "bits a weight", "error of the weights", "built in"];

/** Bytes, bits and error of each variant. */
export function variantRows(built: readonly BuiltVariant[]): Row[] {
  return built.map(({ variant, report, seconds }) => [
    variant,
    (report.bytes / 1e6).toFixed(1),
    percent(report.bytes / built[0].report.bytes, 0),
    report.bits_per_weight.toFixed(2),
    percent(report.relative_error, 3),
    seconds === null ? "there already" : `${seconds.toFixed(1)} s`,
  ]);
}

/** Compares the logits of each variant with base's, over questions of the test split and a fixed text. */
export function compareVariants(
  settings: Pick<LabSettings, "model" | "quick" | "qualityQuestions" | "qualityTextTokens">,
  data: LoadedData,
): Promise<Map<VariantName, VariantQuality>> {
  return judgeVariants({
    model: settings.model,
    variants: VARIANTS,
    rounding: "fit",
    data,
    questions: settings.qualityQuestions,
    textTokens: settings.qualityTextTokens,
    save: !settings.quick,
  });
}

export const QUALITY_HEAD = [
  "variant",
  "KL to base, nats",
  "at the prompt's end",
  "same top token",
  "perplexity",
];

/** Distance from base of each variant. */
export function qualityRows(qualities: ReadonlyMap<VariantName, VariantQuality>): Row[] {
  return [...qualities].map(([variant, q]) => [
    variant,
    figure(q.kl_to_base?.mean, 5),
    figure(q.kl_to_base?.mean_at_prompt_end, 5),
    percent(q.top1_agreement),
    figure(q.perplexity, 3),
  ]);
}

/** Asks each variant what comes after a prompt: the tokens that base finds likeliest. */
export async function nextTokens(
  { model }: Pick<LabSettings, "model">,
  prompt: string,
  count = 8,
): Promise<NextToken[]> {
  const rows: NextToken[] = [];
  let chosen: number[] | undefined;
  for (const variant of VARIANTS) {
    await using server = new SingleVariantServer({ model, variant, slots: 1, context: 256 });
    const { engine } = await server.start();
    const { logprobs } = await engine.generate({ text: prompt }, { maxTokens: 1, logprobs: 50 });
    const top = new Map(logprobs![0].top);
    chosen ??= [...top.keys()].slice(0, count);
    for (const id of chosen) {
      const logprob = top.get(id);
      rows.push({
        variant,
        token: engine.tokenizer!.decode([id]),
        probability: logprob === undefined ? null : Math.exp(logprob),
      });
    }
  }
  return rows;
}
