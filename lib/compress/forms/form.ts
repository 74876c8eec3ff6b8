/** How matrices are stored and multiplied: the contract of the files beside this one. */
import type { MatrixSource } from "../matrix_source.ts";
import type { OnnxFile } from "../onnx_file.ts";

/** What became of one matrix. */
export interface StoredMatrix {
  name: string;
  bits: number;
  bytes: number;
  weights: number;
  /** Sums over its weights. */
  squaredError: number;
  squaredWeight: number;
}

export interface MatrixForm {
  /** Matrices are multiplied in float16 instead of float32. */
  half?: boolean;
  /** Writes a matrix; repeated names are written once. */
  store(file: OnnxFile, source: MatrixSource, role: "body" | "embedding" | "head"): Promise<StoredMatrix>;
  /**
   * Adds y = x W^T.
   * @param x float32 (float16 where `half`) [B, S, cols]
   * @returns of the type of x [B, S, rows]
   */
  multiply(file: OnnxFile, x: string, source: MatrixSource): string | Promise<string>;
  /**
   * Adds the lookup of rows.
   * @param ids int64 [B, S]
   * @returns float32 [B, S, cols]
   */
  gather(file: OnnxFile, ids: string, source: MatrixSource): string | Promise<string>;
  /**
   * Of a form that takes the weights of norms into the matrices, and rotates what matrices give: rotates the bias of
   * one in place.
   */
  turnedBias?(name: string, bias: Float32Array): void;
  /** Of such a form: is told of each x whose rows a norm without weights gave a root mean square of 1. */
  normalised?(x: string): void;
}
