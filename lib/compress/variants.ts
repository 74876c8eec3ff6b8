/** What each variant does to the matrices of a model. */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { BadInput } from "../std/errors.ts";
import { blocksForm } from "./forms/blocks.ts";
import { floatForm } from "./forms/float.ts";
import type { MatrixForm } from "./forms/form.ts";
import type { MatrixSource } from "./matrix_source.ts";
import type { Rounding } from "./quantise.ts";
import type { FormName, VariantName } from "./variant.ts";

/** Raised when a build of the same checkpoint would write other bytes. */
export const BUILDER_VERSION = 2;

/** The form that a variant is written in. */
export function formNameOf(variant: VariantName): FormName {
  return variant === "med" || variant === "cheap" ? "blocks" : "float";
}

/** The form of a variant's matrices. */
export function formOf(checkpoint: Checkpoint, variant: VariantName, rounding: Rounding): MatrixForm {
  switch (variant) {
    case "fp32":
      return floatForm("float");
    case "base": // In the source's own 16-bit type, so that 16-bit sources are exact.
      return floatForm(
        [...checkpoint.tensors.values()].some((t) => t.type === "BF16") ? "bfloat16" : "float16",
      );
    case "med":
      return blocksForm({
        rounding,
        layout: (source) => ({ bits: 8, block: blockOf(source, [32, 16]) }),
      });
    case "cheap": // A rounded embedding or head costs more than it saves.
      return blocksForm({
        rounding,
        layout: (source, role) =>
          role === "body"
            ? { bits: 4, block: blockOf(source, [32, 16]) }
            : { bits: 8, block: blockOf(source, [32, 16]) },
      });
  }
}

/** The first block size that divides a row. */
function blockOf({ name, cols }: MatrixSource, sizes: readonly number[]): number {
  const block = sizes.find((size) => cols % size === 0);
  if (block === undefined) {
    throw new BadInput(
      `Cannot quantise ${name} as its rows must be a multiple of 16 long: they have ${cols}`,
    );
  }
  return block;
}
