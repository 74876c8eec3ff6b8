/** Matrices as the graph needs them, read from a checkpoint in blocks of rows. */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { MatrixSpec, NormSpec } from "../checkpoint/model_spec.ts";

/** Floats read at a time: 8 MB. */
const BLOCK_FLOATS = 1 << 21;

/** W float32 [rows (out), cols (in)], readable from any row. */
export interface MatrixSource {
  name: string;
  rows: number;
  cols: number;
  /** @returns float32 [count * cols] */
  read(rowStart: number, count: number): Promise<Float32Array<ArrayBuffer>>;
}

/** The matrix of a spec. */
export function matrixOf(checkpoint: Checkpoint, spec: MatrixSpec): MatrixSource {
  const { tensor, rows, cols, rowStart = 0 } = spec;
  const name = spec.rowStart === undefined ? tensor : `${tensor}.${rowStart}`;
  if (!spec.transposed) {
    return {
      name,
      rows,
      cols,
      read: (start, count) => checkpoint.readRows(tensor, rowStart + start, count),
    };
  }
  // Stored [in, out]: each block of rows is a band of columns, so the tensor is read once and kept while in use.
  let stored: Promise<Float32Array> | undefined;
  const width = checkpoint.tensors.get(tensor)!.shape[1];
  return {
    name,
    rows,
    cols,
    read: async (start, count) => {
      const source = await (stored ??= checkpoint.readRows(tensor, 0, cols));
      const block = new Float32Array(count * cols);
      for (let c = 0; c < cols; c++) {
        for (let r = 0; r < count; r++) block[r * cols + c] = source[c * width + rowStart + start + r];
      }
      return block;
    },
  };
}

/** Stacks matrices of equal width on top of each other (packed query, key and value); a single one stays as it is. */
export function stack(name: string, parts: readonly MatrixSource[]): MatrixSource {
  if (parts.length === 1) return parts[0];
  return {
    name,
    rows: parts.reduce((sum, p) => sum + p.rows, 0),
    cols: parts[0].cols,
    read: async (rowStart, count) => {
      const block = new Float32Array(count * parts[0].cols);
      let first = 0;
      for (const part of parts) {
        const from = Math.max(rowStart, first), to = Math.min(rowStart + count, first + part.rows);
        if (from < to) block.set(await part.read(from - first, to - from), (from - rowStart) * part.cols);
        first += part.rows;
      }
      return block;
    },
  };
}

/** Reads a matrix from top to bottom in blocks of about 8 MB. */
export async function* rowBlocks(source: MatrixSource): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const step = Math.max(1, Math.floor(BLOCK_FLOATS / source.cols));
  for (let row = 0; row < source.rows; row += step) {
    yield await source.read(row, Math.min(step, source.rows - row));
  }
}

/** The bias of a matrix, float32 [rows], or null. */
export async function biasOf(checkpoint: Checkpoint, spec: MatrixSpec): Promise<Float32Array | null> {
  return spec.bias ? await checkpoint.readRows(spec.bias, spec.biasStart ?? 0, spec.rows) : null;
}

/** The weight of a norm with its offset, float32 [size]. */
export async function normWeight(
  checkpoint: Checkpoint,
  spec: NormSpec,
  size: number,
): Promise<Float32Array> {
  const weight = await checkpoint.readRows(spec.tensor, 0, size);
  return spec.offset ? weight.map((w) => w + spec.offset) : weight;
}
