/** What each variant does to the matrices of a model. */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ModelSpec } from "../checkpoint/model_spec.ts";
import { BadInput } from "../std/errors.ts";
import { blocksForm, storedBytes } from "./forms/blocks.ts";
import { floatForm } from "./forms/float.ts";
import type { MatrixForm } from "./forms/form.ts";
import { bodyMatrices } from "./graph_builder.ts";
import type { MatrixSource } from "./matrix_source.ts";
import type { BlockLayout, Rounding } from "./quantise.ts";
import { chooseSensitive, type RatedMatrix, rateMatrix } from "./sensitivity.ts";
import type { FormName, VariantName } from "./variant.ts";

/** Raised when a build of the same checkpoint would write other bytes. */
export const BUILDER_VERSION = 9;

/** What cheap may weigh more than with each body matrix at 4 bit and no zeros: below 5%, graph and norms aside. */
const GROWTH = 0.045;

/** The form of a variant's `model.onnx`. */
export function formNameOf(variant: VariantName): FormName {
  return variant === "med" || variant === "cheap" ? "blocks" : "float";
}

/** The form of a variant's matrices. */
export async function formOf(
  checkpoint: Checkpoint,
  spec: ModelSpec,
  variant: VariantName,
  rounding: Rounding,
): Promise<MatrixForm> {
  switch (variant) {
    case "fp32":
      return floatForm("float");
    case "base": // In the source's own 16-bit type, so that 16-bit sources are exact.
      return floatForm(
        [...checkpoint.tensors.values()].some((t) => t.type === "BF16") ? "bfloat16" : "float16",
      );
    case "med":
      return blocksForm({ rounding, layout: (source) => layoutOf(source, 8) });
    case "cheap": { // A rounded embedding or head costs more than it saves.
      const kept = rounding === "fit" ? await keptAt8Bit(checkpoint, spec) : new Set<string>();
      return blocksForm({
        rounding,
        layout: (source, role) => layoutOf(source, role === "body" && !kept.has(source.name) ? 4 : 8),
      });
    }
  }
}

/** Names of the body's matrices that cheap keeps at 8 bit. */
async function keptAt8Bit(checkpoint: Checkpoint, spec: ModelSpec): Promise<Set<string>> {
  const rated: RatedMatrix[] = [];
  const vocabulary = { name: "", rows: spec.vocabSize * (spec.tied ? 1 : 2), cols: spec.hiddenSize };
  let plain = storedBytes(vocabulary, layoutOf(vocabulary, 8), "nearest"), zeros = 0;
  for (const source of bodyMatrices(checkpoint, spec)) {
    const four = layoutOf(source, 4), bytes = storedBytes(source, four, "nearest");
    plain += bytes;
    zeros += storedBytes(source, four, "fit") - bytes;
    rated.push(await rateMatrix(source, four, layoutOf(source, 8)));
  }
  return chooseSensitive(rated, GROWTH * plain - zeros);
}

function layoutOf({ name, cols }: Pick<MatrixSource, "name" | "cols">, bits: 4 | 8): BlockLayout {
  const block = [32, 16].find((size) => cols % size === 0);
  if (block === undefined) {
    throw new BadInput(
      `Cannot quantise ${name} as its rows must be a multiple of 16 long: they have ${cols}`,
    );
  }
  return { bits, block };
}
