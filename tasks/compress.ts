/** Builds variants of a model. */
import process from "node:process";
import { join } from "node:path";
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import type { VariantReport } from "slolab/compress/build.ts";
import { ensureVariant } from "slolab/compress/cache.ts";
import { ROUNDINGS } from "slolab/compress/quantise.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { readJson } from "slolab/std/files.ts";
import { setQuiet } from "slolab/std/progress.ts";

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
    json: { type: "boolean", help: "one JSON document instead of the table" },
  },
  examples: ["", "--model Qwen/Qwen2.5-0.5B-Instruct --variants base,cheap", "--model model.gguf --json"],
  run: async ({ model, variants, rounding, json }) => {
    setQuiet(json);
    const built = [];
    for (const variant of VARIANTS.filter((v) => variants.includes(v))) {
      const startedAt = performance.now();
      const ensured = await ensureVariant({ model, variant, rounding: rounding as typeof ROUNDINGS[number] });
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
        folder: dir,
        source: manifest.source,
      });
    }
    const peakMb = process.resourceUsage().maxRSS / 1024;
    const { source } = built[0];
    if (json) {
      const rows = built.map(({ source: _, ...row }) => row);
      console.log(JSON.stringify({ model, rounding, source, variants: rows, peak_rss_mb: peakMb }, null, 2));
      return;
    }
    console.log(`Source: ${source.location} (${source.kind}), SHA-256 ${source.sha256}`);
    console.log(`        ${source.format} with ${source.bitsPerWeight.toFixed(2)} bits a weight`);
    const row = (cells: string[]) =>
      console.log(cells.map((c, i) => i === 5 ? `  ${c}` : c.padStart(i ? 14 : 8)).join(""));
    row(["variant", "MB", "bits a weight", "error", "seconds", "folder"]);
    for (const b of built) {
      row([
        b.variant,
        (b.bytes / 1e6).toFixed(1),
        b.bits_per_weight.toFixed(2),
        `${(100 * b.relative_error).toFixed(3)}%`,
        b.seconds?.toFixed(1) ?? "there already",
        b.folder,
      ]);
    }
    console.log(`Peak memory: ${peakMb.toFixed(0)} MB`);
  },
});
