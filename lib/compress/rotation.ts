/**
 * Orthogonal maps that spread large values over many, so that rounding a row to few bits with one scale costs less.
 *
 * A model computes the same where its residual stream is rotated as a whole: every matrix that reads it is turned back,
 * and the weights of RMS norms, which would stand between, go into those matrices.
 * @see https://arxiv.org/abs/2404.00456 QuaRot
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { MatrixSpec, ModelSpec } from "../checkpoint/model_spec.ts";
import { createRandom } from "../math/mod.ts";
import { matrixOf, normWeight, stack } from "./matrix_source.ts";

/** Largest factor of a size that is no power of two. */
const MAX_ODD = 63;
/** Largest block of the map before a down projection, which is the one that a graph computes. */
const MAX_INNER_BLOCK = 128;
const SEED = 7;

/**
 * x -> x diag(signs) (C kron H): H the Hadamard matrix of the largest power of two in the size, C the cosine transform
 * of the rest.
 */
export class Rotation {
  readonly #power: number;
  readonly #odd: number;
  readonly #signs: Float32Array;
  /** float32 [odd, odd] */
  readonly #cosines: Float32Array;

  /** @param seed of the signs (default: all are 1) */
  constructor(readonly size: number, seed?: number) {
    this.#power = powerOfTwoIn(size);
    const odd = this.#odd = size / this.#power;
    const random = seed === undefined ? null : createRandom(seed);
    this.#signs = Float32Array.from({ length: size }, () => random && random.float() < 0.5 ? -1 : 1);
    this.#cosines = Float32Array.from({ length: odd * odd }, (_, i) => {
      const from = Math.floor(i / odd), to = i % odd;
      return Math.sqrt((to === 0 ? 1 : 2) / odd) * Math.cos(Math.PI * (from + 0.5) * to / odd);
    });
  }

  /** Whether a size has such a map that is worth its while. */
  static fits(size: number): boolean {
    return size / powerOfTwoIn(size) <= MAX_ODD;
  }

  /**
   * Rotates vectors in place.
   * @param data float32 [.., size, inner]: along the middle
   */
  apply(data: Float32Array, inner = 1): void {
    const { size } = this, power = this.#power, odd = this.#odd;
    const scale = 1 / Math.sqrt(power), mixed = new Float32Array(odd * inner);
    for (let from = 0; from < data.length; from += size * inner) {
      for (let i = 0, at = from; i < size; i++) {
        const factor = this.#signs[i] * scale;
        for (let k = 0; k < inner; k++) data[at++] *= factor;
      }
      for (let half = inner; half < power * inner; half *= 2) {
        for (let start = from; start < from + size * inner; start += 2 * half) {
          for (let a = start, b = start + half; a < start + half; a++, b++) {
            const x = data[a], y = data[b];
            data[a] = x + y;
            data[b] = x - y;
          }
        }
      }
      if (odd === 1) continue;
      const stride = power * inner;
      for (let start = from; start < from + stride; start += inner) {
        mixed.fill(0);
        for (let i = 0, at = start; i < odd; i++, at += stride) {
          for (let j = 0; j < odd; j++) {
            const c = this.#cosines[i * odd + j];
            for (let k = 0; k < inner; k++) mixed[j * inner + k] += c * data[at + k];
          }
        }
        for (let j = 0, at = start; j < odd; j++, at += stride) {
          for (let k = 0; k < inner; k++) data[at + k] = mixed[j * inner + k];
        }
      }
    }
  }

  /** The map as a matrix, float32 [size, size]. */
  matrix(): Float32Array<ArrayBuffer> {
    const { size } = this, matrix = new Float32Array(size * size);
    for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
    this.apply(matrix);
    return matrix;
  }
}

/** What becomes of W [rows, cols] of y = x W^T: first the columns, then the rows. */
export interface TurnedMatrix {
  /** The weight of the norm that came before, float32 [cols]. */
  scale?: Float32Array;
  /** Of x: a part of [.., cols] at a time. */
  columns?: Rotation;
  /** Whether x comes as it is and the graph rotates it, rather than what made it. */
  inGraph?: boolean;
  /** Of y from a row on, a part of [.., rows] at a time, up to an end. */
  rows?: { rotation: Rotation; start: number; end: number };
}

export interface TurnedModel {
  /** Of the residual stream. */
  residual: Rotation;
  /** By the name that a matrix is stored by; the head's by that of the embedding where they are one. */
  matrices: Map<string, TurnedMatrix>;
}

/** Says whether a model's residual stream can be rotated: its norms are RMS norms that read it, and nothing else. */
export function canTurn(spec: ModelSpec): boolean {
  return spec.positionEmbedding === undefined && spec.finalNorm.kind === "rms" &&
    Rotation.fits(spec.hiddenSize) &&
    spec.layers.every((l) =>
      l.inputNorm.kind === "rms" && !l.postAttentionNorm && !l.postMlpNorm && Rotation.fits(l.headDim)
    );
}

/** Plans the rotation of a model for which `canTurn` holds. */
export async function turnModel(
  checkpoint: Checkpoint,
  spec: ModelSpec,
  packsQuery: (layer: ModelSpec["layers"][number]) => boolean,
): Promise<TurnedModel> {
  const residual = new Rotation(spec.hiddenSize, SEED), size = spec.hiddenSize;
  const matrices = new Map<string, TurnedMatrix>();
  const nameOf = (matrix: MatrixSpec) => stack("", [matrixOf(checkpoint, matrix)]).name;
  for (const [l, layer] of spec.layers.entries()) {
    const read = {
      scale: await normWeight(checkpoint, layer.inputNorm, size),
      columns: residual,
    };
    const head = new Rotation(layer.headDim), { query, key, value } = layer;
    const ofValue = (start: number) => ({
      ...read,
      rows: { rotation: head, start, end: start + value.rows },
    });
    if (packsQuery(layer)) matrices.set(`layers.${l}.qkv`, ofValue(query.rows + key.rows));
    else {
      matrices.set(nameOf(query), read).set(nameOf(key), read).set(nameOf(value), ofValue(0));
    }
    const written = { rotation: residual, start: 0, end: size };
    matrices.set(nameOf(layer.output), { columns: head, rows: written });
    const inner = { scale: await normWeight(checkpoint, layer.mlpNorm, size), columns: residual };
    for (const matrix of [layer.gate, layer.up]) if (matrix) matrices.set(nameOf(matrix), inner);
    const block = Math.min(MAX_INNER_BLOCK, powerOfTwoIn(layer.down.cols));
    matrices.set(nameOf(layer.down), { columns: new Rotation(block), inGraph: true, rows: written });
  }
  matrices.set(spec.tied ? spec.embedding.tensor : nameOf(spec.head), {
    scale: await normWeight(checkpoint, spec.finalNorm, size),
    columns: residual,
  });
  return { residual, matrices };
}

function powerOfTwoIn(size: number): number {
  return size & -size;
}
