/** The checkpoint that both formats give: named tensors in open files. */
import { basename } from "node:path";
import { BadInput } from "../std/errors.ts";
import { sha256, sha256File } from "../std/files.ts";
import type { Checkpoint, TokenizerFiles } from "./checkpoint.ts";
import { readStoredRows, type StoredTensor, type WeightFile } from "./stored_tensor.ts";

export interface FileCheckpointParts {
  format: Checkpoint["format"];
  path: string;
  config: Record<string, unknown>;
  files: WeightFile[];
  tensors: ReadonlyMap<string, StoredTensor>;
  eosTokenIds: number[];
  /** Called once, when they are first asked for. */
  tokenizerFiles(): TokenizerFiles | null;
  /** Reads rows where the file's differ from the hub's (default: `readStoredRows`). */
  readRows?(tensor: StoredTensor, rowStart: number, rowCount: number): Float32Array<ArrayBuffer>;
}

export class FileCheckpoint implements Checkpoint {
  readonly format;
  readonly path;
  readonly config;
  readonly tensors;
  readonly eosTokenIds;
  #parts: FileCheckpointParts;
  #tokenizerFiles?: TokenizerFiles | null;
  #hash?: Promise<string>;

  constructor(parts: FileCheckpointParts) {
    this.#parts = parts;
    this.format = parts.format;
    this.path = parts.path;
    this.config = parts.config;
    this.tensors = parts.tensors;
    this.eosTokenIds = parts.eosTokenIds;
  }

  get tokenizerFiles(): TokenizerFiles | null {
    if (this.#tokenizerFiles === undefined) this.#tokenizerFiles = this.#parts.tokenizerFiles();
    return this.#tokenizerFiles;
  }

  // deno-lint-ignore require-await -- async, so that what it throws rejects
  async readRows(name: string, rowStart: number, rowCount: number): Promise<Float32Array<ArrayBuffer>> {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new BadInput(`Cannot read ${this.path} as it must hold ${name}: it does not`);
    return (this.#parts.readRows ?? readStoredRows)(tensor, rowStart, rowCount);
  }

  /** One file's own hash; of shards, that of their lines `<hash>  <name>`. */
  sourceHash(): Promise<string> {
    return this.#hash ??= (async () => {
      const paths = this.#parts.files.map((f) => f.path);
      const hashes = [];
      for (const path of paths) hashes.push(await sha256File(path));
      if (hashes.length === 1) return hashes[0];
      return sha256(hashes.map((hash, i) => `${hash}  ${basename(paths[i])}\n`).join(""));
    })();
  }

  close(): void {
    for (const file of this.#parts.files) file.close();
  }
}

/** The ids among several values of `eos_token_id` (a number, a list or nothing), each once. */
export function collectIds(...values: unknown[]): number[] {
  return [...new Set(values.flat().filter((v): v is number => Number.isSafeInteger(v)))];
}
