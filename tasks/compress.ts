/** Builds variants of a model. */
import process from "node:process";
import { join } from "node:path";
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import type { VariantReport } from "slolab/compress/build.ts";
import { ROUNDINGS } from "slolab/compress/quantise.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { loadOrBuild } from "slolab/data/mod.ts";
import { judgeVariants, sourceNote } from "slolab/pipeline/variant_quality.ts";
import { TEMPLATE_VERSIONS } from "slolab/prompts/mod.ts";
import { prepareVariant } from "slolab/engine/forms.ts";
import { runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { readJson } from "slolab/std/files.ts";
import { setQuiet } from "slolab/std/progress.ts";
import { toRecord } from "slolab/types/mod.ts";
import { FORM_FLAGS, formOf } from "./settings.ts";

await runCommand({
  name: "compress",
  summary: "Builds variants of a model: base (16 bit), med (8 bit) and cheap (4 bit).",
  flags: {
    model: {
      type: "string",
      default: DEFAULT_MODEL,
      help: "catalogue name, hub id, folder with safetensors or .gguf file",
      alias: ["model-name"],
    },
    variants: { type: "strings", choices: VARIANTS, default: VARIANTS, help: "which to build" },
    rounding: {
      type: "string",
      choices: ROUNDINGS,
      default: "fit",
      help: "how scales are chosen: fit minimises the error, nearest takes the largest weight",
    },
    ...FORM_FLAGS,
    report: {
      type: "boolean",
      help:
        "measure perplexity and the distance from base, over questions of the test split, into report.json",
    },
    json: { type: "boolean", help: "one JSON document instead of the table" },
  },
  examples: ["", "--model Qwen/Qwen2.5-0.5B-Instruct --variants base,cheap", "--model model.gguf --report"],
  run: async ({ model, variants: named, rounding: roundingName, report: judges, json, ...formFlags }) => {
    setQuiet(json);
    const rounding = roundingName as typeof ROUNDINGS[number];
    const variants = VARIANTS.filter((v) => named.includes(v));
    const built = [];
    for (const variant of variants) {
      const startedAt = performance.now();
      const ensured = await prepareVariant({
        model,
        variant,
        rounding,
        ...formOf(formFlags),
      });
      const { dir, manifest } = ensured;
      if (manifest.export) {
        throw new BadInput(`Cannot compress ${model} as it must be a checkpoint: it is an ONNX export`);
      }
      const report = await readJson<VariantReport>(join(dir, "report.json"));
      built.push({
        variant,
        bytes: manifest.bytes,
        bits_per_weight: manifest.bitsPerWeight,
        relative_error: report.relative_error,
        seconds: ensured.built ? (performance.now() - startedAt) / 1000 : null,
        form: ensured.form,
        folder: dir,
        source: manifest.source,
      });
    }
    const peakMb = () => process.resourceUsage().maxRSS / 1024;
    const buildPeakMb = peakMb();
    const qualities = judges
      ? await judgeVariants({
        model,
        variants,
        rounding,
        data: await loadOrBuild({ templateVersions: TEMPLATE_VERSIONS }),
      })
      : null;
    const { source } = built[0];
    if (json) {
      const rows = built.map(({ source: _, ...row }) => ({ ...row, quality: qualities?.get(row.variant) }));
      const peaks = { build_peak_rss_mb: buildPeakMb, peak_rss_mb: peakMb() };
      const document = { model, rounding, source: toRecord(source), variants: rows, ...peaks };
      console.log(JSON.stringify(document, null, 2));
      return;
    }
    console.log(`Source: ${source.location} (${source.kind}), SHA-256 ${source.sha256}`);
    console.log(`        ${source.format} with ${source.bitsPerWeight.toFixed(2)} bits a weight`);
    const table = (rows: string[][]) => {
      for (const [first, ...rest] of rows) {
        const last = rest.pop();
        console.log(`${first.padStart(8)}${rest.map((cell) => cell.padStart(15)).join("")}  ${last}`);
      }
    };
    table([
      ["variant", "MB", "bits a weight", "error", "seconds", "form", "folder"],
      ...built.map((b) => [
        b.variant,
        (b.bytes / 1e6).toFixed(1),
        b.bits_per_weight.toFixed(2),
        `${(100 * b.relative_error).toFixed(3)}%`,
        b.seconds?.toFixed(1) ?? "there already",
        b.form,
        b.folder,
      ]),
    ]);
    console.log(`Peak memory: ${buildPeakMb.toFixed(0)} MB`);
    if (!qualities) return;
    console.log("\nDistance from base, over every position of questions of the test split");
    table([
      ["variant", "KL (nats)", "KL at the end", "same top token", "perplexity", "questions"],
      ...[...qualities].map(([variant, q]) => [
        variant,
        q.kl_to_base?.mean.toFixed(5) ?? "-",
        q.kl_to_base?.mean_at_prompt_end.toFixed(5) ?? "-",
        q.top1_agreement === null ? "-" : `${(100 * q.top1_agreement).toFixed(2)}%`,
        q.perplexity?.toFixed(3) ?? "-",
        `${q.prompts} (${q.data_source})`,
      ]),
    ]);
    const note = sourceNote(built[0]);
    if (note) console.log(note);
    console.log(`Peak memory with the report: ${peakMb().toFixed(0)} MB`);
  },
});
