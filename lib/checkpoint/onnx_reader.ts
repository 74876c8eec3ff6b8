/**
 * Reads what an ONNX file says of its graph: inputs, outputs, nodes, and the types and shapes of weights. The
 * weights themselves are skipped, so a file of gigabytes costs a few reads.
 * @see https://github.com/onnx/onnx/blob/v1.18.0/onnx/onnx.proto
 */
import { basename, dirname, join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists } from "../std/files.ts";
import { WeightFile } from "./stored_tensor.ts";

export interface OnnxValue {
  /** `TensorProto.DataType`. */
  type: number;
  /** A dimension with a name (or "") is free. */
  shape: (number | string)[];
}

export interface OnnxNode {
  opType: string;
  /** "" stands for an optional input or output that is left out. */
  inputs: string[];
  outputs: string[];
  /** Whole numbers alone. */
  integers: Record<string, number>;
}

export interface OnnxGraph {
  path: string;
  /** Those that are fed: weights are not among them. */
  inputs: Map<string, OnnxValue>;
  outputs: Map<string, OnnxValue>;
  nodes: OnnxNode[];
  weights: Map<string, { type: number; shape: number[] }>;
  /** Names of the files beside it that hold weights. */
  externalData: string[];
}

/**
 * Reads a graph.
 * @throws {BadInput} where the file is no ONNX model, or places weights outside of its folder.
 */
export function readOnnxGraph(path: string): OnnxGraph {
  const file = new WeightFile(path);
  try {
    const reader = new ProtoReader(file);
    const graph: OnnxGraph = {
      path,
      inputs: new Map(),
      outputs: new Map(),
      nodes: [],
      weights: new Map(),
      externalData: [],
    };
    const externalData = new Set<string>();
    let found = false;
    for (const part of reader.fields(0, file.size)) {
      if (part.field !== 7) continue;
      found = true;
      for (const { field, start, end } of reader.fields(part.start, part.end)) {
        if (field === 1) graph.nodes.push(readNode(reader, start, end));
        else if (field === 5) {
          const { name, location, ...weight } = readWeight(reader, start, end);
          graph.weights.set(name, weight);
          if (location !== null) externalData.add(location);
        } else if (field === 11 || field === 12) {
          const [name, value] = readValue(reader, start, end);
          (field === 11 ? graph.inputs : graph.outputs).set(name, value);
        }
      }
    }
    if (!found) throw file.invalid("be an ONNX model", "it has no graph");
    for (const name of graph.weights.keys()) graph.inputs.delete(name); // older files list weights as inputs
    graph.externalData = [...externalData].sort();
    const outside = graph.externalData.find((name) => name !== basename(name) || name === "..");
    if (outside !== undefined) throw file.invalid("keep its weights beside it", `it names ${outside}`);
    return graph;
  } finally {
    file.close();
  }
}

/**
 * The export of a folder in the hub's layout: `onnx/model.onnx`, or the only file in `onnx/`; null without one.
 * @throws {BadInput} where there are several and none is `model.onnx`.
 */
export async function findExport(folder: string): Promise<string | null> {
  const onnx = join(folder, "onnx");
  if (!await exists(onnx)) return null;
  const names = [...Deno.readDirSync(onnx)].map((e) => e.name).filter((n) => n.endsWith(".onnx")).sort();
  if (names.length === 0) return null;
  const name = names.includes("model.onnx") ? "model.onnx" : names[0];
  if (name !== "model.onnx" && names.length > 1) {
    throw new BadInput(
      `Cannot choose an export in ${onnx} as --model must name one: it has ${names.join(", ")}`,
    );
  }
  return join(onnx, name);
}

/**
 * The folder that `config.json` and the tokenizer of an export lie in: the file's own, or the one above.
 * @throws {BadInput} where neither has a `config.json`.
 */
export async function configFolderOf(path: string): Promise<string> {
  const own = dirname(path);
  for (const folder of [own, dirname(own)]) if (await exists(join(folder, "config.json"))) return folder;
  throw new BadInput(
    `Cannot open ${path} as config.json must lie beside it or one folder above: it does not`,
  );
}

/**
 * The files of an export: the graph's, then those of its external weights.
 * @throws {BadInput} where one is missing.
 */
export async function exportFiles({ path, externalData }: OnnxGraph): Promise<string[]> {
  const paths = externalData.map((name) => join(dirname(path), name));
  for (const data of paths) {
    if (!await exists(data)) {
      throw new BadInput(
        `Cannot open ${path} as its weights in ${basename(data)} must lie beside it: they do not`,
      );
    }
  }
  return [path, ...paths];
}

interface Field {
  field: number;
  /** The field has a length; a repeated number is packed. */
  packed: boolean;
  /** Its bytes. */
  start: number;
  end: number;
  /** Of a varint field. */
  value: bigint;
}

/** Walks messages of protocol buffers in a file, a page at a time. */
class ProtoReader {
  #page = new Uint8Array(1 << 16);
  #from = 0;
  #to = 0;

  constructor(readonly file: WeightFile) {}

  *fields(start: number, end: number): Generator<Field> {
    for (let at = start; at < end;) {
      const [tag, afterTag] = this.#varint(at);
      const wire = Number(tag & 7n);
      let value = 0n, dataStart = afterTag, dataEnd = afterTag;
      if (wire === 0) [value, dataEnd] = this.#varint(afterTag);
      else if (wire === 1) dataEnd += 8;
      else if (wire === 5) dataEnd += 4;
      else if (wire === 2) {
        const [length, from] = this.#varint(afterTag);
        dataStart = from;
        dataEnd = from + Number(length);
      } else throw this.file.invalid("be an ONNX model", `byte ${at} begins no field`);
      if (dataEnd > end) throw this.file.invalid(`reach byte ${dataEnd}`, `a part of it ends at ${end}`);
      yield { field: Number(tag >> 3n), packed: wire === 2, start: dataStart, end: dataEnd, value };
      at = dataEnd;
    }
  }

  text(start: number, end: number): string {
    const bytes = new Uint8Array(end - start);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#byte(start + i);
    return new TextDecoder().decode(bytes);
  }

  /** Numbers of a repeated field, packed or single. */
  *integers({ packed, start, end, value }: Field): Generator<number> {
    if (!packed) return yield Number(BigInt.asIntN(64, value));
    for (let at = start; at < end;) {
      const [number, next] = this.#varint(at);
      yield Number(BigInt.asIntN(64, number));
      at = next;
    }
  }

  #varint(at: number): [value: bigint, next: number] {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return [value, at];
    }
    throw this.file.invalid("be an ONNX model", `byte ${at} belongs to no number`);
  }

  #byte(at: number): number {
    if (at < this.#from || at >= this.#to) {
      const length = Math.min(this.#page.length, this.file.size - at);
      if (length <= 0) throw this.file.invalid("be whole", `it ends at ${this.file.size}`);
      this.file.readInto(this.#page.subarray(0, length), at);
      this.#from = at;
      this.#to = at + length;
    }
    return this.#page[at - this.#from];
  }
}

function readNode(reader: ProtoReader, start: number, end: number): OnnxNode {
  const node: OnnxNode = { opType: "", inputs: [], outputs: [], integers: {} };
  for (const part of reader.fields(start, end)) {
    if (part.field === 1) node.inputs.push(reader.text(part.start, part.end));
    else if (part.field === 2) node.outputs.push(reader.text(part.start, part.end));
    else if (part.field === 4) node.opType = reader.text(part.start, part.end);
    else if (part.field === 5) {
      let name = "", value: number | null = null;
      for (const { field, start, end, value: number } of reader.fields(part.start, part.end)) {
        if (field === 1) name = reader.text(start, end);
        else if (field === 3) value = Number(BigInt.asIntN(64, number));
      }
      if (value !== null) node.integers[name] = value;
    }
  }
  return node;
}

function readWeight(reader: ProtoReader, start: number, end: number) {
  let name = "", type = 0, location: string | null = null;
  const shape: number[] = [];
  for (const part of reader.fields(start, end)) {
    if (part.field === 1) shape.push(...reader.integers(part));
    else if (part.field === 2) type = Number(part.value);
    else if (part.field === 8) name = reader.text(part.start, part.end);
    else if (part.field === 13) {
      let key = "", value = "";
      for (const { field, start, end } of reader.fields(part.start, part.end)) {
        if (field === 1) key = reader.text(start, end);
        else if (field === 2) value = reader.text(start, end);
      }
      if (key === "location") location = value.replace(/^\.\//, "");
    }
  }
  return { name, type, shape, location };
}

/** ValueInfoProto -> TypeProto -> Tensor -> TensorShapeProto -> Dimension. */
function readValue(reader: ProtoReader, start: number, end: number): [name: string, value: OnnxValue] {
  let name = "", type = 0;
  const shape: (number | string)[] = [];
  for (const part of reader.fields(start, end)) {
    if (part.field === 1) name = reader.text(part.start, part.end);
    else if (part.field === 2) {
      for (const tensor of reader.fields(part.start, part.end)) {
        if (tensor.field !== 1) continue;
        for (const entry of reader.fields(tensor.start, tensor.end)) {
          if (entry.field === 1) type = Number(entry.value);
          else if (entry.field === 2) {
            for (const dim of reader.fields(entry.start, entry.end)) shape.push(readDimension(reader, dim));
          }
        }
      }
    }
  }
  return [name, { type, shape }];
}

function readDimension(reader: ProtoReader, dim: Field): number | string {
  let size: number | string = "";
  for (const { field, start, end, value } of reader.fields(dim.start, dim.end)) {
    if (field === 1) size = Number(value);
    else if (field === 2) size = reader.text(start, end);
  }
  return size;
}
