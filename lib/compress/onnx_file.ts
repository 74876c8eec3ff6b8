/**
 * Writes an ONNX model: the graph in `model.onnx`, every weight in `model.onnx.data` beside it.
 *
 * Weights are streamed to the data file as they are made; only names, shapes and offsets are kept.
 * @see https://github.com/onnx/onnx/blob/v1.18.0/onnx/onnx.proto
 */
import { ProtoWriter } from "./protobuf.ts";

/** `TensorProto.DataType`. */
export const DataType = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
  bfloat16: 16,
} as const;
export type DataTypeName = keyof typeof DataType;

export type Attribute = number | string | readonly number[] | { float: number };
/** A dimension with a name is free. */
export type Shape = readonly (number | string)[];

/** Weights below this size stand in the graph, so that shapes can be inferred from them. */
const INLINE_BYTES = 64;
/** External tensors begin at page boundaries, so that a runtime may map them. */
const ALIGNMENT = 4096;

export class OnnxFile {
  readonly #graph = new ProtoWriter();
  readonly #initializers: ProtoWriter[] = [];
  readonly #inputs: ProtoWriter[] = [];
  readonly #outputs: ProtoWriter[] = [];
  readonly #data: Deno.FsFile;
  /** Where each external weight lies. */
  readonly #places = new Map<string, { type: DataTypeName; offset: number; length: number }>();
  #offset = 0;
  #nodes = 0;

  private constructor(readonly path: string, data: Deno.FsFile) {
    this.#data = data;
  }

  /** Creates `path` and `path.data`. */
  static async create(path: string): Promise<OnnxFile> {
    return new OnnxFile(path, await Deno.open(`${path}.data`, { write: true, create: true, truncate: true }));
  }

  /**
   * Adds a node.
   * @param inputs names; "" leaves an optional input out
   * @returns the name of its first output
   */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute> = {},
    options: { outputs?: readonly string[]; domain?: string } = {},
  ): string {
    const name = `${opType}_${this.#nodes++}`;
    const outputs = options.outputs ?? [`${name}_out`];
    const node = new ProtoWriter();
    for (const input of inputs) node.bytes(1, input);
    for (const output of outputs) node.bytes(2, output);
    node.bytes(3, name).bytes(4, opType);
    for (const [key, value] of Object.entries(attributes)) node.bytes(5, attribute(key, value));
    if (options.domain) node.bytes(7, options.domain);
    this.#graph.bytes(1, node);
    return outputs.find((o) => o !== "")!;
  }

  /** Adds a weight of which all bytes are at hand. */
  async weight(
    name: string,
    type: DataTypeName,
    shape: readonly number[],
    data: ArrayBufferView,
  ): Promise<string> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.length > INLINE_BYTES) {
      return await this.streamedWeight(name, type, shape, (write) => write(bytes));
    }
    this.#initializers.push(tensorHead(name, type, shape).bytes(9, bytes));
    return name;
  }

  /** Adds a weight whose bytes are written piece by piece. */
  async streamedWeight(
    name: string,
    type: DataTypeName,
    shape: readonly number[],
    produce: (write: (data: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<string> {
    this.#offset = Math.ceil(this.#offset / ALIGNMENT) * ALIGNMENT;
    await this.#data.seek(this.#offset, Deno.SeekMode.Start);
    let length = 0;
    await produce(async (data) => {
      for (let at = 0; at < data.length;) at += await this.#data.write(data.subarray(at));
      length += data.length;
    });
    this.#places.set(name, { type, offset: this.#offset, length });
    this.#offset += length;
    return this.alias(name, name, shape);
  }

  /** Adds a weight of other shape over the bytes of one that is there. */
  alias(name: string, of: string, shape: readonly number[]): string {
    const { type, offset, length } = this.#places.get(of)!;
    const entry = (key: string, value: string) => new ProtoWriter().bytes(1, key).bytes(2, value);
    this.#initializers.push(
      tensorHead(name, type, shape)
        .bytes(13, entry("location", `${this.path.split(/[\\/]/).at(-1)}.data`))
        .bytes(13, entry("offset", String(offset)))
        .bytes(13, entry("length", String(length)))
        .int(14, 1),
    );
    return name;
  }

  input(name: string, type: DataTypeName, shape: Shape): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(name: string, type: DataTypeName, shape: Shape): void {
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** Writes the graph; gives the bytes of both files. */
  async finish(): Promise<number> {
    this.#data.close();
    this.#graph.bytes(2, "slolab");
    for (const i of this.#initializers) this.#graph.bytes(5, i);
    for (const i of this.#inputs) this.#graph.bytes(11, i);
    for (const o of this.#outputs) this.#graph.bytes(12, o);
    const model = new ProtoWriter()
      .int(1, 11).bytes(2, "slolab").bytes(7, this.#graph)
      .bytes(8, new ProtoWriter().bytes(1, "").int(2, 23))
      .bytes(8, new ProtoWriter().bytes(1, "com.microsoft").int(2, 1))
      .finish();
    await Deno.writeFile(this.path, model);
    return model.length + this.#offset;
  }

  /** Closes the data file of a model that is given up. */
  abandon(): void {
    try {
      this.#data.close();
    } catch { /* it was closed */ }
  }
}

function tensorHead(name: string, type: DataTypeName, shape: readonly number[]): ProtoWriter {
  const tensor = new ProtoWriter();
  for (const d of shape) tensor.int(1, d);
  return tensor.int(2, DataType[type]).bytes(8, name);
}

function valueInfo(name: string, type: DataTypeName, shape: Shape): ProtoWriter {
  const dims = new ProtoWriter();
  for (const d of shape) {
    dims.bytes(1, typeof d === "number" ? new ProtoWriter().int(1, d) : new ProtoWriter().bytes(2, d));
  }
  const tensorType = new ProtoWriter().int(1, DataType[type]).bytes(2, dims);
  return new ProtoWriter().bytes(1, name).bytes(2, new ProtoWriter().bytes(1, tensorType));
}

/** Whole numbers are INT, `{ float }` FLOAT, strings STRING, lists INTS. */
function attribute(name: string, value: Attribute): ProtoWriter {
  const a = new ProtoWriter().bytes(1, name);
  if (typeof value === "number") return a.int(3, value).int(20, 2);
  if (typeof value === "string") return a.bytes(4, value).int(20, 3);
  if ("float" in value) return a.float(2, value.float).int(20, 1);
  for (const v of value) a.int(8, v);
  return a.int(20, 7);
}
