/**
 * Builds a variant of a checkpoint into a folder: `model.onnx`, `model.onnx.data`, `variant.json`, `report.json`
 * and the tokenizer's files.
 */
import { join } from "node:path";
import { describeModel } from "../checkpoint/architectures/mod.ts";
import { bitsPerWeight, type Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ModelSpec } from "../checkpoint/model_spec.ts";
import { validateCheckpoint } from "../checkpoint/validate.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeJson } from "../std/files.ts";
import { storedBlocks } from "./forms/blocks.ts";
import { floatForm } from "./forms/float.ts";
import type { MatrixForm, StoredMatrix } from "./forms/form.ts";
import { type CodeType, rowsForm } from "./forms/rows.ts";
import { buildGraph, packsQuery } from "./graph_builder.ts";
import { OnnxFile } from "./onnx_file.ts";
import type { Rounding } from "./quantise.ts";
import { canTurn, turnModel } from "./rotation.ts";
import {
  type FormName,
  type KvScales,
  matricesOfKv8,
  QUANTISED_FORMS,
  type VariantManifest,
  type VariantName,
} from "./variant.ts";
import { BUILDER_VERSION, formNameOf, formOf } from "./variants.ts";

export interface BuildOptions {
  /** The model's name, for people. */
  model: string;
  variant: VariantName;
  /** Appears whole or not at all. */
  outDir: string;
  source: Omit<VariantManifest["source"], "format" | "bitsPerWeight">;
  rounding?: Rounding;
  /** Replaces the checkpoint's own description (tests). */
  spec?: ModelSpec;
  /** Weights written so far, and in all. */
  onProgress?: (done: number, total: number) => void;
}

/** `report.json`: what the rounding cost, matrix by matrix; `compress --report` adds `quality`, the cost in answers. */
export interface VariantReport {
  rounding: Rounding;
  bytes: number;
  bits_per_weight: number;
  source_bits_per_weight: number;
  /** Root of squared error over squared weight, of all matrices. */
  relative_error: number;
  matrices: { name: string; bits: number; bytes: number; weights: number; relative_error: number }[];
}

/**
 * Builds a variant, streaming the checkpoint in blocks of rows.
 * @throws {BadInput} where the checkpoint is not one that can be built; the folder is then not there.
 */
export async function buildVariant(checkpoint: Checkpoint, options: BuildOptions): Promise<VariantManifest> {
  const { variant, outDir, rounding = "fit", onProgress = () => {} } = options;
  const spec = options.spec ?? describeModel(checkpoint.config);
  validateCheckpoint(checkpoint, spec);
  const form = await formOf(checkpoint, spec, variant, rounding);
  const part = `${outDir}.${crypto.randomUUID().slice(0, 8)}.part`;
  await Deno.mkdir(part, { recursive: true });
  let file: OnnxFile | undefined;
  try {
    file = await OnnxFile.create(join(part, "model.onnx"));
    const total = countWeights(checkpoint);
    let done = 0;
    onProgress(done, total);
    const graph = await buildGraph(
      file,
      checkpoint,
      spec,
      form,
      { onRead: (weights) => onProgress(done += weights, total) },
    );
    const bytes = await file.finish();
    await file.writeIndex();
    const manifest: VariantManifest = {
      builderVersion: BUILDER_VERSION,
      model: options.model,
      variant,
      form: formNameOf(variant),
      architecture: spec.architecture,
      vocabSize: spec.vocabSize,
      hiddenSize: spec.hiddenSize,
      contextLength: graph.contextLength,
      layers: spec.layers.map(({ kvHeads, headDim, window }) => ({
        kvHeads,
        headDim,
        window: window ?? null,
      })),
      usesPositionIds: graph.usesPositionIds,
      eosTokenIds: checkpoint.eosTokenIds,
      bytes,
      bitsPerWeight: 8 * sumOf(graph.matrices, "bytes") / sumOf(graph.matrices, "weights"),
      parameters: graph.parameters,
      source: { ...options.source, format: checkpoint.format, bitsPerWeight: bitsPerWeight(checkpoint) },
    };
    const report: VariantReport = {
      rounding,
      bytes,
      bits_per_weight: manifest.bitsPerWeight,
      source_bits_per_weight: manifest.source.bitsPerWeight,
      relative_error: relativeError(graph.matrices),
      matrices: graph.matrices.map((m) => ({
        name: m.name,
        bits: m.bits,
        bytes: m.bytes,
        weights: m.weights,
        relative_error: relativeError([m]),
      })),
    };
    await writeJson(join(part, "report.json"), report);
    if (checkpoint.tokenizerFiles) {
      const { tokenizer, config } = checkpoint.tokenizerFiles;
      await Deno.writeTextFile(join(part, "tokenizer.json"), JSON.stringify(tokenizer));
      await writeJson(join(part, "tokenizer_config.json"), config);
    }
    await writeJson(join(part, "variant.json"), manifest);
    await Deno.remove(outDir, { recursive: true }).catch(() => {});
    await Deno.rename(part, outDir);
    return manifest;
  } catch (thrown) {
    file?.abandon();
    await Deno.remove(part, { recursive: true }).catch(() => {});
    throw thrown;
  }
}

/**
 * The file of a variant's graph in a form.
 * @param codes of rows8 forms; this CPU's
 */
export function graphFile(form: VariantManifest["form"], codes: CodeType, shallow = false): string {
  if ((form === "blocks" || form === "float") && !shallow) return "model.onnx";
  const of = form === "blocks" || form === "float" ? form : `${form}-${codes}`;
  return shallow ? `${of}.shallow.onnx` : `${of}.onnx`;
}

/** Layers of a shallow graph, which is for timing: that many more or fewer take proportionally longer. */
export const SHALLOW_LAYERS = 2;

export interface AddFormOptions {
  form: FormName;
  codes: CodeType;
  /** The first layers only. */
  shallow?: boolean;
  /** Of a whole `-kv8` graph; a shallow one, which is for timing, takes any. */
  kvScales?: KvScales;
}

/** The forms that a quantised variant of a model can have. */
export function formsOf(spec: ModelSpec): FormName[] {
  return QUANTISED_FORMS.filter((form) => !form.startsWith("rotated8") || canTurn(spec));
}

/**
 * Adds the graph of a form to the folder of a variant, over the weights that are there; one that is there is left.
 * @throws {BadInput} where the model can't have the form.
 */
export async function addForm(
  checkpoint: Checkpoint,
  folder: string,
  { form, codes, shallow = false, kvScales }: AddFormOptions,
): Promise<void> {
  const path = join(folder, graphFile(form, codes, shallow));
  if (await exists(path)) return;
  const { rounding } = await readJson<VariantReport>(join(folder, "report.json"));
  const spec = describeModel(checkpoint.config);
  if (form !== "fp16" && !formsOf(spec).includes(form)) {
    throw new BadInput(
      `Cannot run ${spec.architecture} as ${form} as nothing but RMS norms and matrices may read its residual ` +
        `stream: use one of ${formsOf(spec).join(", ")}`,
    );
  }
  const kv8 = matricesOfKv8(form), matrices = kv8 ?? form;
  if (kv8) await addForm(checkpoint, folder, { form: kv8, codes, shallow });
  const turned = matrices === "rotated8" ? await turnModel(checkpoint, spec, packsQuery) : undefined;
  const { variant } = await readJson<VariantManifest>(join(folder, "variant.json"));
  const layers = shallow ? spec.layers.slice(0, SHALLOW_LAYERS) : spec.layers;
  const file = await OnnxFile.createBeside(
    path,
    join(folder, kv8 ? graphFile(kv8, codes, shallow) : "model.onnx"),
  );
  try {
    const scales = kv8 ? shallow ? anyScales() : kvScales! : undefined;
    await buildGraph(file, checkpoint, { ...spec, layers }, matrixForm(), { kvScales: scales });
    await file.writeIndex();
    if (scales) await writeJson(`${path}.kv.json`, scales);
    await file.finish(); // the graph comes last: a folder that has it has its weights
  } catch (thrown) {
    file.abandon();
    throw thrown;
  }

  function matrixForm(): MatrixForm {
    if (matrices === "fp16") {
      const stored = formNameOf(variant as VariantName);
      return stored === "blocks" ? storedBlocks(rounding, true) : floatForm("float", true);
    }
    if (matrices === "blocks") return storedBlocks(rounding);
    return rowsForm({ groups: Number(matrices.split("x")[1] ?? 1), codes, rounding, turned });
  }

  function anyScales(): KvScales {
    const ones = layers.map(({ kvHeads, headDim }) => new Array<number>(kvHeads * headDim).fill(1 / 16));
    return { key: ones, value: ones };
  }
}

function countWeights(checkpoint: Checkpoint): number {
  let weights = 0;
  for (const { shape } of checkpoint.tensors.values()) {
    if (shape.length > 1) weights += shape.reduce((a, b) => a * b, 1);
  }
  return weights;
}

function sumOf(
  matrices: readonly StoredMatrix[],
  key: "bytes" | "weights" | "squaredError" | "squaredWeight",
) {
  return matrices.reduce((sum, m) => sum + m[key], 0);
}

function relativeError(matrices: readonly StoredMatrix[]): number {
  const weight = sumOf(matrices, "squaredWeight");
  return weight ? Math.sqrt(sumOf(matrices, "squaredError") / weight) : 0;
}
