/**
 * Safetensors: 8 bytes of header length, a JSON header, the tensors' bytes.
 *
 * ```json
 * {"model.norm.weight": {"dtype": "BF16", "shape": [64], "data_offsets": [0, 128]}, "__metadata__": {...}}
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJson } from "../std/files.ts";
import { type StoredTensor, WeightFile } from "./stored_tensor.ts";

/** Bytes of an element of each type that safetensors names; only F32, F16 and BF16 are read as weights. */
const ELEMENT_BYTES: Record<string, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/**
 * Reads and checks the header of one file.
 * @throws {BadInput} where the header is damaged or disagrees with the file's length.
 */
export function readSafetensorsHeader(file: WeightFile): StoredTensor[] {
  if (file.size < 8) throw file.invalid("be safetensors", `it has ${file.size} bytes`);
  const start = new Uint8Array(8);
  file.readInto(start, 0);
  const headerBytes = Number(new DataView(start.buffer).getBigUint64(0, true));
  if (headerBytes > file.size - 8) {
    throw file.invalid("hold its header", `the header's length is ${headerBytes} in ${file.size} bytes`);
  }
  const header = parseHeader(file, headerBytes);
  const dataStart = 8 + headerBytes;
  const tensors: StoredTensor[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets: range } = (entry ?? {}) as Record<string, unknown>;
    if (!isSizes(shape) || !isSizes(range) || range.length !== 2 || typeof dtype !== "string") {
      throw file.invalid(
        "give each tensor dtype, shape and data_offsets",
        `${name} has ${JSON.stringify(entry)}`,
      );
    }
    const elementBytes = ELEMENT_BYTES[dtype];
    if (!elementBytes) throw file.invalid("use known types", `${name} is ${dtype}`);
    const [from, to] = range;
    const bytes = shape.reduce((a, b) => a * b, elementBytes);
    if (to - from !== bytes) {
      throw file.invalid(`keep ${bytes} bytes for ${name} [${shape}] ${dtype}`, `it keeps ${to - from}`);
    }
    if (dataStart + to > file.size) {
      throw file.invalid(`reach byte ${dataStart + to} for ${name}`, `it is cut off at ${file.size}`);
    }
    tensors.push({ name, shape, type: dtype, bytes, file, offset: dataStart + from });
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataStart;
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) {
      throw file.invalid("store tensors end to end", `${name} starts at ${offset}, not ${end}`);
    }
    end += bytes;
  }
  if (end !== file.size) {
    throw file.invalid(`end with its last tensor at ${end}`, `it has ${file.size} bytes`);
  }
  return tensors;
}

function parseHeader(file: WeightFile, headerBytes: number): Record<string, unknown> {
  const bytes = new Uint8Array(headerBytes);
  file.readInto(bytes, 8);
  try {
    const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof header === "object" && header !== null && !Array.isArray(header)) return header;
  } catch {
    // Reported below.
  }
  throw file.invalid(
    "begin with a header's length and a JSON header",
    `${headerBytes} bytes of it are no JSON object`,
  );
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

/**
 * Opens the weights of a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 * @throws {BadInput} where neither is there, or a file is damaged.
 */
export async function openSafetensors(
  folder: string,
): Promise<{ files: WeightFile[]; tensors: StoredTensor[] }> {
  const single = join(folder, "model.safetensors");
  const index = join(folder, "model.safetensors.index.json");
  const files: WeightFile[] = [];
  const open = (path: string) => {
    const file = new WeightFile(path);
    files.push(file);
    return readSafetensorsHeader(file);
  };
  try {
    if (await exists(single)) return { files, tensors: open(single) };
    if (!await exists(index)) {
      throw new BadInput(
        `Cannot open ${folder} as it must hold model.safetensors or model.safetensors.index.json: it has neither`,
      );
    }
    const { weight_map: map } = await readJson<{ weight_map?: Record<string, string> }>(index);
    if (typeof map !== "object" || map === null) {
      throw new BadInput(`Cannot read ${index} as it must hold a weight_map: it has none`);
    }
    const tensors: StoredTensor[] = [];
    for (const shard of [...new Set(Object.values(map))].sort()) {
      if (typeof shard !== "string" || /[\\/]/.test(shard)) {
        throw new BadInput(`Cannot read ${index} as its shards must lie beside it: it names ${shard}`);
      }
      const found = open(join(folder, shard));
      const names = new Set(found.map((t) => t.name));
      const missing = Object.keys(map).find((name) => map[name] === shard && !names.has(name));
      if (missing) {
        throw new BadInput(
          `Cannot read ${join(folder, shard)} as the index places ${missing} in it: it is not there`,
        );
      }
      tensors.push(...found);
    }
    return { files, tensors };
  } catch (thrown) {
    for (const file of files) file.close();
    throw thrown;
  }
}
