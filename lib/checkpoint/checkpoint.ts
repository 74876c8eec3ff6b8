/**
 * What a checkpoint is to the rest of slolab, whatever file format it came from.
 *
 * Three things stay apart: reading a checkpoint (this contract, one file a format), what a layer looks like
 * (`model_spec.ts`, one file an architecture) and how a matrix is stored (lib/compress, one file a form).
 */

/** A tensor in the file. `shape` is row-major as PyTorch prints it: a Linear's weight is [out, in]. */
export interface TensorInfo {
  name: string;
  shape: number[];
  /** `F32`, `F16`, `BF16`, or a GGML block type such as `Q4_K`. */
  type: string;
  /** Bytes in the file. */
  bytes: number;
}

/** Text of the tokenizer's files as the hub's layout has them; GGUF readers make them from metadata. */
export interface TokenizerFiles {
  /** `tokenizer.json`, parsed. */
  tokenizer: Record<string, unknown>;
  /** `tokenizer_config.json`, parsed; `chat_template` in it, or absent for a base model. */
  config: Record<string, unknown>;
}

export interface Checkpoint {
  readonly format: "safetensors" | "gguf";
  readonly path: string;
  /** In the spelling of the hub's `config.json`, `model_type` included; GGUF readers translate their metadata. */
  readonly config: Record<string, unknown>;
  /** By the hub's names (`model.layers.0.self_attn.q_proj.weight`), GGUF's translated. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Null where the files hold no tokenizer (tiny test models). */
  readonly tokenizerFiles: TokenizerFiles | null;
  /** Ids that end an answer (config, generation_config, GGUF metadata). */
  readonly eosTokenIds: number[];
  /**
   * Reads rows of a 2-D tensor (or elements of a 1-D one) as float32, dequantised.
   * @returns float32 [rowCount * columns]
   * @throws {BadInput} where the tensor is absent, cut off, or holds NaN scales.
   */
  readRows(name: string, rowStart: number, rowCount: number): Promise<Float32Array<ArrayBuffer>>;
  /** Hex SHA-256 over the weight files. */
  sourceHash(): Promise<string>;
  close(): void;
}

/** Mean bits a weight over the matrices of a checkpoint. */
export function bitsPerWeight(checkpoint: Checkpoint): number {
  let bytes = 0, weights = 0;
  for (const t of checkpoint.tensors.values()) {
    if (t.shape.length < 2) continue;
    bytes += t.bytes;
    weights += t.shape.reduce((a, b) => a * b, 1);
  }
  return weights ? 8 * bytes / weights : 0;
}
