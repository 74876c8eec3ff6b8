/**
 * GGUF: a header of typed metadata and tensor places, then the tensors' blocks. One small reader of our own,
 * for it says where a damaged file ends and needs no more than leave to read that file.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { BLOCK_TYPES } from "./ggml_blocks.ts";
import { storedBytes, type StoredTensor, WeightFile } from "./stored_tensor.ts";

export type GgufMetadata = Record<string, unknown>;

/** GGML's numbers of the block types. */
const TYPE_NAMES: Record<number, string> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  30: "BF16",
};

/**
 * Reads the header.
 * @returns metadata by its keys (64-bit integers as numbers), tensors by GGUF's own names with PyTorch's shapes
 * @throws {BadInput} where the file is no GGUF, is cut off, or stores a tensor in a type that is not read.
 */
export function readGgufHeader(file: WeightFile): { metadata: GgufMetadata; tensors: StoredTensor[] } {
  const cursor = new Cursor(file);
  if (file.size < 24 || cursor.u32() !== 0x46554747) {
    throw file.invalid("be GGUF", "it lacks GGUF's first bytes");
  }
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    throw file.invalid("be GGUF version 2 or 3", `it is version ${version}`);
  }
  const tensorCount = cursor.count(24);
  const keyCount = cursor.count(12);
  const metadata: GgufMetadata = {};
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string();
    metadata[key] = cursor.value(cursor.u32());
  }
  if (Number(metadata["split.count"] ?? 1) > 1) {
    throw file.invalid(
      "be whole",
      `it is one of ${metadata["split.count"]} parts; join them with llama-gguf-split`,
    );
  }
  const places: Omit<StoredTensor, "bytes">[] = [];
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.string();
    const dimensions = cursor.u32();
    if (dimensions > 4) {
      throw file.invalid("have tensors of at most 4 dimensions", `${name} has ${dimensions}`);
    }
    const shape = Array.from({ length: dimensions }, () => cursor.u64()).reverse();
    const typeNumber = cursor.u32();
    const type = TYPE_NAMES[typeNumber];
    if (!type) {
      const known = Object.keys(BLOCK_TYPES).join(", ");
      throw file.invalid(`store tensors as one of ${known}`, `${name} has GGML type ${typeNumber}`);
    }
    places.push({ name, shape, type, file, offset: cursor.u64() });
  }
  const alignment = Number(metadata["general.alignment"]) || 32;
  const dataStart = Math.ceil(cursor.place / alignment) * alignment;
  const tensors = places.map((place) => {
    const bytes = storedBytes(place.type, place.shape);
    if (bytes === null) {
      throw file.invalid("store rows in whole blocks", `${place.name} is [${place.shape}] ${place.type}`);
    }
    const offset = dataStart + place.offset;
    if (offset + bytes > file.size) {
      throw file.invalid(`reach byte ${offset + bytes} for ${place.name}`, `it is cut off at ${file.size}`);
    }
    return { ...place, bytes, offset };
  });
  return { metadata, tensors };
}

type Scalar<T = unknown> = [bytes: number, get: (view: DataView, at: number) => T];
const UINT32: Scalar<number> = [4, (view, at) => view.getUint32(at, true)];
const UINT64: Scalar<number> = [8, (view, at) => Number(view.getBigUint64(at, true))];
/** GGUF's numbers of the metadata types, strings (8) and arrays (9) apart. */
const SCALARS: Record<number, Scalar> = {
  0: [1, (view, at) => view.getUint8(at)],
  1: [1, (view, at) => view.getInt8(at)],
  2: [2, (view, at) => view.getUint16(at, true)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: UINT32,
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getFloat32(at, true)],
  7: [1, (view, at) => view.getUint8(at) !== 0],
  10: UINT64,
  11: [8, (view, at) => Number(view.getBigInt64(at, true))],
  12: [8, (view, at) => view.getFloat64(at, true)],
};

/** Reads the header's values one after the other, the file in pieces. */
class Cursor {
  #file: WeightFile;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  /** Place in the file of `#bytes`. */
  #start = 0;
  #text = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(file: WeightFile) {
    this.#file = file;
  }

  /** Place in the file. */
  get place(): number {
    return this.#start + this.#at;
  }

  /** Makes the next `n` bytes readable and steps over them. @returns their index in `#bytes` */
  #take(n: number): number {
    if (this.#at + n > this.#bytes.length) {
      const left = this.#file.size - this.place;
      if (n > left) throw this.#file.invalid("hold its header", `it is cut off at ${this.#file.size}`);
      this.#start = this.place;
      this.#bytes = new Uint8Array(Math.min(left, Math.max(n, 1 << 20)));
      this.#view = new DataView(this.#bytes.buffer);
      this.#at = 0;
      this.#file.readInto(this.#bytes, this.#start);
    }
    this.#at += n;
    return this.#at - n;
  }

  #scalar<T>([bytes, get]: Scalar<T>): T {
    const at = this.#take(bytes);
    return get(this.#view, at);
  }

  u32(): number {
    return this.#scalar(UINT32);
  }

  u64(): number {
    const value = this.#scalar(UINT64);
    if (!Number.isSafeInteger(value)) throw this.#file.invalid("hold sizes below 2^53", `it has ${value}`);
    return value;
  }

  /** A count of things of at least so many bytes each, which therefore must fit the file. */
  count(leastBytes: number): number {
    const value = this.u64();
    if (value * leastBytes > this.#file.size - this.place) {
      throw this.#file.invalid("hold its header", `it counts ${value} entries in ${this.#file.size} bytes`);
    }
    return value;
  }

  string(): string {
    const length = this.count(1);
    const at = this.#take(length);
    return this.#text.decode(this.#bytes.subarray(at, at + length));
  }

  value(type: number): unknown {
    if (SCALARS[type]) return this.#scalar(SCALARS[type]);
    if (type === 8) return this.string();
    if (type === 9) {
      const element = this.u32();
      return Array.from({ length: this.count(1) }, () => this.value(element));
    }
    throw this.#file.invalid("hold metadata of known types", `it has type ${type} at byte ${this.place}`);
  }
}
