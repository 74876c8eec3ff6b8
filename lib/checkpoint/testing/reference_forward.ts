/**
 * What a ModelSpec means, written out plainly: a decoder in double precision that reads like its formula.
 * Slow; for tests of descriptions on tiny models, independent of ONNX.
 */
import type { Checkpoint } from "../checkpoint.ts";
import type { MatrixSpec, ModelSpec, NormSpec, RopeSpec } from "../model_spec.ts";
import { inverseFrequencies } from "../rope.ts";

type Vector = Float64Array;

/**
 * Runs all tokens at once.
 * @returns logits of each position, float64 [vocab] each
 */
export async function referenceLogits(
  checkpoint: Checkpoint,
  spec: ModelSpec,
  ids: readonly number[],
): Promise<Vector[]> {
  const embedding = await readAll(checkpoint, spec.embedding.tensor);
  const positions = spec.positionEmbedding && await readAll(checkpoint, spec.positionEmbedding.tensor);
  const size = spec.hiddenSize;
  let stream: Vector[] = ids.map((id, p) =>
    Float64Array.from(
      { length: size },
      (_, i) => spec.embedding.scale * embedding[id * size + i] + (positions ? positions[p * size + i] : 0),
    )
  );
  for (const layer of spec.layers) {
    const { heads, kvHeads, headDim, rope, window = Infinity } = layer;
    const normed = await normalise(checkpoint, layer.inputNorm, stream);
    const split = (rows: Vector[]) => rows.map((row) => chunks(row, headDim));
    const project = async (matrix: MatrixSpec, norm?: NormSpec) => {
      const rows = split(await multiply(checkpoint, matrix, normed));
      const flat = norm ? await normalise(checkpoint, norm, rows.flat()) : rows.flat();
      return chunks(flat, rows[0].length);
    };
    const rotate = (rows: Vector[][]) =>
      rope ? rows.map((row, p) => row.map((head) => applyRope(rope, head, p))) : rows;
    const queries = rotate(await project(layer.query, layer.queryNorm));
    const keys = rotate(await project(layer.key, layer.keyNorm));
    const values = await project(layer.value);
    const attended = queries.map((row, p) => {
      const out = new Float64Array(heads * headDim);
      row.forEach((query, h) => {
        const kv = Math.floor(h / (heads / kvHeads));
        const first = Math.max(0, p - window + 1);
        const scores = keys.slice(first, p + 1).map((key) => layer.attentionScale * dot(query, key[kv]));
        softmax(scores).forEach((weight, k) => {
          for (let i = 0; i < headDim; i++) out[h * headDim + i] += weight * values[first + k][kv][i];
        });
      });
      return out;
    });
    let block = await multiply(checkpoint, layer.output, attended);
    if (layer.postAttentionNorm) block = await normalise(checkpoint, layer.postAttentionNorm, block);
    stream = add(stream, block);

    const input = await normalise(checkpoint, layer.mlpNorm, stream);
    const act = layer.activation === "silu" ? silu : geluTanh;
    const up = await multiply(checkpoint, layer.up, input);
    const gate = layer.gate && await multiply(checkpoint, layer.gate, input);
    const inner = up.map((row, p) => row.map((x, i) => gate ? act(gate[p][i]) * x : act(x)));
    block = await multiply(checkpoint, layer.down, inner);
    if (layer.postMlpNorm) block = await normalise(checkpoint, layer.postMlpNorm, block);
    stream = add(stream, block);
  }
  return multiply(checkpoint, spec.head, await normalise(checkpoint, spec.finalNorm, stream));
}

async function readAll(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  return await checkpoint.readRows(name, 0, checkpoint.tensors.get(name)?.shape[0] ?? 0);
}

function chunks<T extends { slice(from: number, to: number): T; length: number }>(all: T, size: number): T[] {
  return Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
}

async function multiply(checkpoint: Checkpoint, matrix: MatrixSpec, inputs: Vector[]): Promise<Vector[]> {
  const { rows, cols, rowStart = 0, transposed, biasStart = 0 } = matrix;
  const stored = await readAll(checkpoint, matrix.tensor);
  const bias = matrix.bias && await readAll(checkpoint, matrix.bias);
  const total = stored.length / cols;
  return inputs.map((x) =>
    Float64Array.from({ length: rows }, (_, r) => {
      let sum = bias ? bias[biasStart + r] : 0;
      for (let c = 0; c < cols; c++) {
        sum += x[c] * (transposed ? stored[c * total + rowStart + r] : stored[(rowStart + r) * cols + c]);
      }
      return sum;
    })
  );
}

async function normalise(checkpoint: Checkpoint, norm: NormSpec, inputs: Vector[]): Promise<Vector[]> {
  const weight = await readAll(checkpoint, norm.tensor);
  const bias = norm.bias && await readAll(checkpoint, norm.bias);
  return inputs.map((x) => {
    const mean = norm.kind === "layer" ? x.reduce((a, b) => a + b, 0) / x.length : 0;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
    const scale = 1 / Math.sqrt(variance + norm.eps);
    return x.map((v, i) => (v - mean) * scale * (norm.offset + weight[i]) + (bias ? bias[i] : 0));
  });
}

/** Rotates the pairs (i, i + dims / 2) of the first `dims` dimensions. */
function applyRope(rope: RopeSpec, head: Vector, position: number): Vector {
  const out = head.slice(), half = rope.dims / 2, frequencies = inverseFrequencies(rope);
  for (let i = 0; i < half; i++) {
    const angle = position * frequencies[i];
    out[i] = head[i] * Math.cos(angle) - head[i + half] * Math.sin(angle);
    out[i + half] = head[i + half] * Math.cos(angle) + head[i] * Math.sin(angle);
  }
  return out;
}

const add = (a: Vector[], b: Vector[]) => a.map((row, p) => row.map((v, i) => v + b[p][i]));
const silu = (x: number) => x / (1 + Math.exp(-x));
const geluTanh = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function softmax(scores: number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((s) => Math.exp(s - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
