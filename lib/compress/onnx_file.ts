/**
 * Writes an ONNX model: the graph in `model.onnx`, every weight in `model.onnx.data` beside it.
 *
 * Weights are streamed to the data file as they are made; only names, shapes and offsets are kept.
 * @see https://github.com/onnx/onnx/blob/v1.18.0/onnx/onnx.proto
 */
import { basename, dirname, join } from "node:path";
import { readJson, writeJson } from "../std/files.ts";
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
const BYTES: Record<DataTypeName, number> = {
  float: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  float16: 2,
  bfloat16: 2,
};

export type Attribute = number | string | readonly number[] | { float: number };
/** A dimension with a name is free. */
export type Shape = readonly (number | string)[];

/** Weights below this size stand in the graph, so that shapes can be inferred from them. */
const INLINE_BYTES = 64;
/** External tensors begin at page boundaries, so that a runtime may map them. */
const ALIGNMENT = 4096;

/** Where a weight lies. */
interface Place {
  type: DataTypeName;
  /** Name of the file, as graphs beside it refer to it. */
  location: string;
  offset: number;
  length: number;
}

/** `GRAPH.weights.json`, beside a graph whose weights others share. */
interface WeightIndex {
  places: Record<string, Place>;
  /** Weights that stand in the graphs themselves, in base 64. */
  inline: Record<string, string>;
}

export class OnnxFile {
  readonly #graph = new ProtoWriter();
  readonly #initializers: ProtoWriter[] = [];
  readonly #inputs: ProtoWriter[] = [];
  readonly #outputs: ProtoWriter[] = [];
  readonly #data: Deno.FsFile;
  /** Weights in files, of graphs that were there too. */
  readonly #places: Map<string, Place>;
  readonly #inline: Map<string, Uint8Array>;
  /** Names of weights that this graph has. */
  readonly #named = new Set<string>();
  #offset = 0;
  #nodes = 0;

  private constructor(readonly path: string, data: Deno.FsFile, weights?: WeightIndex) {
    this.#data = data;
    this.#places = new Map(Object.entries(weights?.places ?? {}));
    this.#inline = new Map(
      Object.entries(weights?.inline ?? {}).map(([name, text]) => [name, Uint8Array.fromBase64(text)]),
    );
  }

  /** Creates `path` and `path.data`. */
  static async create(path: string): Promise<OnnxFile> {
    return new OnnxFile(path, await createData(path));
  }

  /**
   * Creates a graph beside another one that has an index: weights that it has are not written again, others go to
   * `path.data`.
   */
  static async createBeside(path: string, graph: string): Promise<OnnxFile> {
    const weights = await readJson<WeightIndex>(`${graph}.weights.json`);
    return new OnnxFile(path, await createData(path), weights);
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
    const bytes = bytesOf(data);
    if (bytes.length <= INLINE_BYTES) return this.constant(name, type, shape, data);
    return await this.streamedWeight(name, type, shape, (write) => write(bytes));
  }

  /** Adds a small weight to the graph itself; a repeated name is added once. */
  constant(name: string, type: DataTypeName, shape: readonly number[], data: ArrayBufferView): string {
    if (this.#named.has(name)) return name;
    this.#named.add(name);
    if (!this.#inline.has(name)) this.#inline.set(name, bytesOf(data));
    this.#initializers.push(tensorHead(name, type, shape).bytes(9, this.#inline.get(name)!));
    return name;
  }

  /** Adds a weight whose bytes are written piece by piece. */
  async streamedWeight(
    name: string,
    type: DataTypeName,
    shape: readonly number[],
    produce: (write: (data: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<string> {
    if (!this.#places.has(name)) {
      const offset = Math.ceil(this.#offset / ALIGNMENT) * ALIGNMENT;
      await this.#data.seek(offset, Deno.SeekMode.Start);
      let length = 0;
      await produce(async (data) => {
        for (let at = 0; at < data.length;) at += await this.#data.write(data.subarray(at));
        length += data.length;
      });
      this.#places.set(name, { type, location: `${basename(this.path)}.data`, offset, length });
      this.#offset = offset + length;
    }
    return this.alias(name, name, shape);
  }

  /**
   * Adds a weight of other shape over the bytes of one that is there; a repeated name is added once.
   * @param start first byte of a part
   */
  alias(name: string, of: string, shape: readonly number[], start = 0): string {
    if (this.#named.has(name)) return name;
    this.#named.add(name);
    const { type, location, offset, length } = this.#places.get(of)!;
    const entry = (key: string, value: string) => new ProtoWriter().bytes(1, key).bytes(2, value);
    this.#initializers.push(
      tensorHead(name, type, shape)
        .bytes(13, entry("location", location))
        .bytes(13, entry("offset", String(offset + start)))
        .bytes(
          13,
          entry("length", String(Math.min(length - start, BYTES[type] * shape.reduce((a, b) => a * b, 1)))),
        )
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

  /** Reads the bytes of a weight. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const inline = this.#inline.get(name);
    if (inline) return new Uint8Array(inline);
    const { location, offset, length } = this.#places.get(name)!;
    using file = await Deno.open(join(dirname(this.path), location));
    await file.seek(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) at += await file.read(bytes.subarray(at)) ?? length;
    return bytes;
  }

  /** Size of a weight. */
  bytesOf(name: string): number {
    return this.#inline.get(name)?.length ?? this.#places.get(name)!.length;
  }

  /** Type of a weight that lies in a file. */
  typeOf(name: string): DataTypeName | undefined {
    return this.#places.get(name)?.type;
  }

  /** Whether a weight is there. */
  has(name: string): boolean {
    return this.#places.has(name) || this.#inline.has(name);
  }

  /** Writes where the weights lie, for `createBeside`. */
  async writeIndex(): Promise<void> {
    const inline = [...this.#inline].map(([name, bytes]) => [name, new Uint8Array(bytes).toBase64()]);
    await writeJson(
      `${this.path}.weights.json`,
      {
        places: Object.fromEntries(this.#places),
        inline: Object.fromEntries(inline),
      } satisfies WeightIndex,
    );
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

const createData = (path: string) => Deno.open(`${path}.data`, { write: true, create: true, truncate: true });
const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

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
