/**
 * blocks: 8 or 4-bit codes with one float32 scale for each block of a row, multiplied by MatMulNBits.
 *
 * `accuracy_level` 4 lets the kernel round activations to 8 bit, one scale a block: without it 8 bit is slow.
 * @see https://github.com/microsoft/onnxruntime/blob/v1.30.0/docs/ContribOperators.md#com.microsoft.MatMulNBits
 */
import type { MatrixSource } from "../matrix_source.ts";
import { rowBlocks } from "../matrix_source.ts";
import { DataType } from "../onnx_file.ts";
import { type BlockLayout, hasZeros, quantiseRows, type Rounding } from "../quantise.ts";
import type { MatrixForm } from "./form.ts";

export interface BlocksOptions {
  rounding: Rounding;
  /** Multiplies in float16 instead of float32. */
  half?: boolean;
  /** Bits and block of a matrix. */
  layout(source: MatrixSource, role: "body" | "embedding" | "head"): BlockLayout;
}

export function blocksForm({ rounding, half = false, layout }: BlocksOptions): MatrixForm {
  const layouts = new Map<string, BlockLayout>();
  return {
    half,
    async store(file, source, role) {
      const { bits, block } = layout(source, role);
      layouts.set(source.name, { bits, block });
      const blocks = Math.ceil(source.cols / block), zeroBytes = Math.ceil(blocks / 2);
      const scales = new Float32Array(source.rows * blocks);
      const zeros = hasZeros({ bits, block }, rounding) ? new Uint8Array(source.rows * zeroBytes) : null;
      let row = 0, squaredError = 0, squaredWeight = 0;
      await file.streamedWeight(
        `${source.name}.q`,
        "uint8",
        [source.rows, blocks, block * bits / 8],
        async (write) => {
          for await (const rows of rowBlocks(source)) {
            const part = quantiseRows(rows, source.cols, { bits, block, rounding });
            scales.set(part.scales, row * blocks);
            zeros?.set(part.zeros!, row * zeroBytes);
            row += rows.length / source.cols;
            squaredError += part.squaredError;
            squaredWeight += part.squaredWeight;
            await write(part.data);
          }
        },
      );
      await file.weight(`${source.name}.scales`, "float", [source.rows, blocks], scales);
      if (zeros) await file.weight(`${source.name}.zeros`, "uint8", [source.rows, zeroBytes], zeros);
      if (role === "embedding") { // The same bytes as GatherBlockQuantized takes them.
        file.alias(`${source.name}.rows`, `${source.name}.q`, [source.rows, blocks * block * bits / 8]);
      }
      return {
        name: source.name,
        bits,
        bytes: storedBytes(source, { bits, block }, rounding),
        weights: source.rows * source.cols,
        squaredError,
        squaredWeight,
      };
    },
    multiply(file, x, source) {
      const { bits, block } = layouts.get(source.name)!;
      const zeros = hasZeros({ bits, block }, rounding) ? [`${source.name}.zeros`] : [];
      const scales = half
        ? file.node("Cast", [`${source.name}.scales`], { to: DataType.float16 })
        : `${source.name}.scales`;
      return file.node("MatMulNBits", [x, `${source.name}.q`, scales, ...zeros], {
        K: source.cols,
        N: source.rows,
        bits,
        block_size: block,
        accuracy_level: 4,
      }, { domain: "com.microsoft" });
    },
    gather(file, ids, source) {
      const { bits, block } = layouts.get(source.name)!;
      return file.node("GatherBlockQuantized", [`${source.name}.rows`, ids, `${source.name}.scales`], {
        bits,
        block_size: block,
        gather_axis: 0,
        quantize_axis: 1,
      }, { domain: "com.microsoft" });
    },
  };
}

/** The form over matrices that a variant's files hold. */
export function storedBlocks(
  rounding: Rounding,
  half = false,
): MatrixForm & { layoutOf(name: string): BlockLayout } {
  const layouts = new Map<string, BlockLayout>();
  const form = blocksForm({ rounding, half, layout: ({ name }) => layouts.get(name)! });
  return {
    ...form,
    layoutOf: (name) => layouts.get(name)!,
    store(file, source, role) {
      const { name, rows, cols } = source;
      layouts.set(name, {
        bits: file.bytesOf(`${name}.q`) === rows * cols ? 8 : 4,
        block: 4 * rows * cols / file.bytesOf(`${name}.scales`),
      });
      return form.store(file, source, role);
    },
  };
}

/** Bytes of a matrix: codes, scales and zeros. */
export function storedBytes(
  { rows, cols }: Pick<MatrixSource, "rows" | "cols">,
  { bits, block }: BlockLayout,
  rounding: Rounding,
): number {
  const blocks = Math.ceil(cols / block);
  const zeros = hasZeros({ bits, block }, rounding) ? Math.ceil(blocks / 2) : 0;
  return rows * (blocks * (block * bits / 8 + 4) + zeros);
}
