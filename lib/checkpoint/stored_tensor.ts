/** A tensor at a place in a file, read in row blocks: what both file formats come down to. */
import { BadInput } from "../std/errors.ts";
import type { TensorInfo } from "./checkpoint.ts";
import { BLOCK_TYPES } from "./ggml_blocks.ts";

export interface StoredTensor extends TensorInfo {
  file: WeightFile;
  /** First byte in the file. */
  offset: number;
}

/** Raw bytes read at once. */
const SLICE_BYTES = 1 << 21;

/** An open weight file. */
export class WeightFile {
  readonly size: number;
  #file: Deno.FsFile;
  #slice = new Uint8Array(0);

  /** @throws {BadInput} where there is no such file. */
  constructor(readonly path: string) {
    try {
      this.#file = Deno.openSync(path);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
    }
    this.size = this.#file.statSync().size;
  }

  /**
   * Fills `target` from byte `offset` on, without a pause in which another read could move the file's place.
   * @throws {BadInput} where the file ends before.
   */
  readInto(target: Uint8Array, offset: number): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let done = 0; done < target.length;) {
      const n = this.#file.readSync(target.subarray(done));
      if (n === null) {
        throw this.invalid(`hold ${offset + target.length} bytes`, `it ends at ${offset + done}`);
      }
      done += n;
    }
  }

  /** Reads into a buffer that lasts until the next call. */
  readSlice(offset: number, bytes: number): Uint8Array {
    if (this.#slice.length < bytes) this.#slice = new Uint8Array(Math.max(bytes, SLICE_BYTES));
    const slice = this.#slice.subarray(0, bytes);
    this.readInto(slice, offset);
    return slice;
  }

  /** The error for a file that is not as it must be. */
  invalid(rule: string, state: string): BadInput {
    return new BadInput(`Cannot read ${this.path} as it must ${rule}: ${state}`);
  }

  close(): void {
    this.#file.close();
  }
}

/** Bytes of a tensor of this type and shape, or null where its rows don't hold whole blocks. */
export function storedBytes(type: string, shape: readonly number[]): number | null {
  const { weights, bytes } = BLOCK_TYPES[type];
  const columns = shape.at(-1) ?? 1;
  return columns % weights ? null : shape.reduce((a, b) => a * b, 1) / weights * bytes;
}

/**
 * Reads rows (elements of a 1-D tensor) as float32.
 * @returns float32 [rowCount * columns]
 * @throws {BadInput} where the file is cut off, the type is not read, or a weight is not finite.
 */
export function readStoredRows(
  tensor: StoredTensor,
  rowStart: number,
  rowCount: number,
): Float32Array<ArrayBuffer> {
  const { name, shape, file } = tensor;
  const rows = shape[0] ?? 1;
  const columns = shape.slice(1).reduce((a, b) => a * b, 1);
  if (!(rowStart >= 0 && rowCount >= 0 && rowStart + rowCount <= rows)) {
    throw new RangeError(
      `Cannot read rows ${rowStart} to ${rowStart + rowCount} of ${name} as it has ${rows}`,
    );
  }
  const block = BLOCK_TYPES[tensor.type];
  if (!block) {
    throw file.invalid(
      `store ${name} as one of ${Object.keys(BLOCK_TYPES).join(", ")}`,
      `it is ${tensor.type}`,
    );
  }
  const rowBytes = tensor.bytes / rows;
  if (!Number.isInteger(rowBytes)) throw file.invalid(`store rows of ${name} in whole blocks`, tensor.type);
  const out = new Float32Array(rowCount * columns);
  const step = Math.max(1, Math.floor(SLICE_BYTES / rowBytes));
  for (let done = 0; done < rowCount; done += step) {
    const n = Math.min(step, rowCount - done);
    const source = file.readSlice(tensor.offset + (rowStart + done) * rowBytes, n * rowBytes);
    const part = out.subarray(done * columns, (done + n) * columns);
    block.dequantise(source, n * rowBytes / block.bytes, part);
    if (!allFinite(part)) {
      const at = part.findIndex((v) => !Number.isFinite(v));
      throw file.invalid(
        "hold finite weights",
        `row ${rowStart + done + Math.floor(at / columns)} of ${name} has ${part[at]}`,
      );
    }
  }
  return out;
}

function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] - values[i]; // 0, or NaN from the first on
  return sum === 0;
}
