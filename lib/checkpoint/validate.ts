/** Says in one line where a checkpoint's tensors are not those that its config describes. */
import { BadInput } from "../std/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { LayerSpec, MatrixSpec, ModelSpec, NormSpec } from "./model_spec.ts";

/** Buffers that older files carry beside a layer's weights. */
const IGNORED = /\.rotary_emb\.inv_freq$|\.attn\.(masked_)?bias$/;

/**
 * Checks names and shapes against the description, before anything is read or written.
 * @throws {BadInput} for a tensor that is missing, has another shape, or that the description has no use for.
 */
export function validateCheckpoint(checkpoint: Checkpoint, spec: ModelSpec): void {
  const fail = (rule: string, state: string) =>
    new BadInput(`Cannot use ${checkpoint.path} as its weights must fit its config: ${rule}, ${state}`);
  const expected = expectedShapes(spec);
  for (const [name, shape] of expected) {
    const tensor = checkpoint.tensors.get(name);
    if (!tensor) throw fail(`the config needs ${name}`, "which is missing");
    if (tensor.shape.join() !== shape.join()) {
      throw fail(`the config needs ${name} [${shape.join(", ")}]`, `which is [${tensor.shape.join(", ")}]`);
    }
  }
  const first = spec.layers[0].inputNorm.tensor;
  const layers = first.slice(0, first.indexOf(".0.") + 1); // "model.layers."
  for (const name of checkpoint.tensors.keys()) {
    if (name.startsWith(layers) && !expected.has(name) && !IGNORED.test(name)) {
      throw fail(`the config has ${spec.layers.length} layers without ${name}`, "which is there");
    }
  }
}

/** Every tensor that a description reads, with its whole shape (fused ones joined). */
function expectedShapes(spec: ModelSpec): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const addVector = (tensor: string, end: number) =>
    shapes.set(tensor, [Math.max(end, shapes.get(tensor)?.[0] ?? 0)]);
  const addNorm = (norm: NormSpec | undefined, size: number) => {
    if (!norm) return;
    addVector(norm.tensor, size);
    if (norm.bias) addVector(norm.bias, size);
  };
  const addMatrix = (matrix: MatrixSpec | undefined) => {
    if (!matrix) return;
    const { tensor, rows, cols, rowStart = 0, transposed, bias, biasStart = 0 } = matrix;
    const end = Math.max(rowStart + rows, shapes.get(tensor)?.[transposed ? 1 : 0] ?? 0);
    shapes.set(tensor, transposed ? [cols, end] : [end, cols]);
    if (bias) addVector(bias, biasStart + rows);
  };
  const addLayer = (layer: LayerSpec) => {
    for (const norm of [layer.inputNorm, layer.postAttentionNorm, layer.mlpNorm, layer.postMlpNorm]) {
      addNorm(norm, spec.hiddenSize);
    }
    addNorm(layer.queryNorm, layer.headDim);
    addNorm(layer.keyNorm, layer.headDim);
    for (const m of [layer.query, layer.key, layer.value, layer.output, layer.gate, layer.up, layer.down]) {
      addMatrix(m);
    }
  };
  shapes.set(spec.embedding.tensor, [spec.vocabSize, spec.hiddenSize]);
  if (spec.positionEmbedding) {
    shapes.set(spec.positionEmbedding.tensor, [spec.contextLength, spec.hiddenSize]);
  }
  spec.layers.forEach(addLayer);
  addNorm(spec.finalNorm, spec.hiddenSize);
  addMatrix(spec.head);
  return shapes;
}
