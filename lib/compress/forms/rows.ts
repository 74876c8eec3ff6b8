/**
 * rows8: an integer matmul. Each row of activations is rounded to 8 bits with a scale of its own, so that a row's
 * result does not depend on the others in the batch, and so is each row of a matrix. Where large values are rare and
 * far from the rest, rows are cut into groups (rows8x3: three) with a scale and a product each.
 *
 * rotated8: rows8 of a model whose residual stream is rotated (`../rotation.ts`), so that no value is far from the rest.
 * What a norm gives there is all but normally distributed with a variance of 1: one scale serves all its rows, and the
 * nodes that look for a row's largest value are not needed.
 *
 * The weights come from a variant that is there: those that `blocks` stored, rounded once more.
 */
import type { MatrixSource } from "../matrix_source.ts";
import type { OnnxFile } from "../onnx_file.ts";
import type { BlockLayout, Rounding } from "../quantise.ts";
import { type Rotation, type TurnedMatrix, type TurnedModel } from "../rotation.ts";
import { storedBlocks } from "./blocks.ts";
import type { MatrixForm } from "./form.ts";

/**
 * Type of the codes of weights. The products are the same; but without VNNI the kernel for int8 adds pairs of
 * products in 16 bits, which overflow, and with it the one for uint8 is slow.
 */
export type CodeType = "uint8" | "int8";

export interface RowsOptions {
  /** Groups that a row is cut into. */
  groups: number;
  codes: CodeType;
  /** Of the variant. */
  rounding: Rounding;
  turned?: TurnedModel;
}

const MS = { domain: "com.microsoft" };
const TOP = 127, MIDDLE = 128;
/** What codes reach of values with a variance of 1: further ones are cut off, which costs least about here. */
const NORMAL_TOP = 3.8;
/** Rows that are turned into columns at a time. */
const TILE = 64;

export function rowsForm({ groups, codes, rounding, turned }: RowsOptions): MatrixForm {
  const blocks = storedBlocks(rounding);
  const inputs = new Map<string, QuantisedGroup[]>();
  const normalised = new Set<string>();
  let head: string | undefined;
  return {
    normalised: turned && ((x) => normalised.add(x)),
    store(file, source, role) {
      if (role !== "body") head = source.name;
      return blocks.store(file, source, role);
    },
    async gather(file, ids, source) {
      const x = await blocks.gather(file, ids, source);
      if (!turned) return x;
      const { residual } = turned, shape = [residual.size, residual.size];
      return file.node("MatMul", [
        x,
        await file.weight("rotated8.residual", "float", shape, residual.matrix()),
      ]);
    },
    turnedBias: turned && ((name, bias) => {
      const turn = turned.matrices.get(name)?.rows;
      turn?.rotation.apply(bias.subarray(turn.start, turn.end));
    }),
    async multiply(file, x, source) {
      const bounds = groupBounds(source.cols, groups), turn = turned?.matrices.get(source.name);
      await expand(file, source, blocks.layoutOf(source.name), bounds, codes, turn);
      if (turn?.inGraph) x = await rotateInGraph(file, x, turn.columns!, source.cols);
      let input = inputs.get(x);
      if (!input) {
        input = normalised.has(x)
          ? [{ codes: file.node("QuantizeLinear", [x, normalStep(file), middle(file, [])]), largest: null }]
          : quantise(file, x, bounds, source.name === head);
        inputs.set(x, input);
      }
      const products = input.map(({ codes: activations, largest }, g) => {
        const product = file.node(
          "MatMulIntegerToFloat",
          [
            activations,
            `${source.name}.rows8.${g}`,
            largest === null ? normalStep(file) : step(file),
            `${source.name}.rows8.${g}.scales`,
            middle(file, []),
            ...codes === "uint8" ? [middle(file, [1])] : [],
          ],
          {},
          MS,
        );
        return largest === null ? product : file.node("Mul", [product, largest]);
      });
      return products.length === 1 ? products[0] : file.node("Sum", products);
    },
  };
}

/** Bounds [0, .., cols] of nearly equal groups, at multiples of 16; fewer where there are not as many. */
export function groupBounds(cols: number, groups: number): number[] {
  const bounds = Array.from({ length: groups }, (_, g) => 16 * Math.round(g * cols / groups / 16));
  return [...new Set([...bounds, cols])];
}

interface QuantisedGroup {
  /** uint8 [.., columns of the group], about 128 */
  codes: string;
  /** Largest magnitude of each row, float32 [.., 1]; null where one scale serves all. */
  largest: string | null;
}

/** Rounds the groups of x float32 [.., cols]. */
function quantise(
  file: OnnxFile,
  x: string,
  bounds: readonly number[],
  mayBeEmpty: boolean,
): QuantisedGroup[] {
  const sizes = bounds.slice(1).map((to, g) => to - bounds[g]);
  const parts = sizes.map((_, g) => `${x}.group${g}`);
  if (sizes.length > 1) file.node("Split", [x, int64(file, sizes)], { axis: -1 }, { outputs: parts });
  else parts[0] = x;
  return parts.map((part) => {
    let largest = file.node("ReduceMax", [file.node("Abs", [part]), int64(file, [-1])]);
    // Without rows the runtime leaves the axis as it was.
    if (mayBeEmpty) {
      largest = file.node("Slice", [largest, int64(file, [0]), int64(file, [1]), int64(file, [-1])]);
    }
    // In a row of zeros these are not numbers: their codes are any, and their product is multiplied by zero.
    const relative = file.node("Div", [part, largest]);
    return { codes: file.node("QuantizeLinear", [relative, step(file), middle(file, [])]), largest };
  });
}

/** Rotates parts of x float32 [.., cols]. */
async function rotateInGraph(file: OnnxFile, x: string, rotation: Rotation, cols: number): Promise<string> {
  const { size } = rotation;
  const matrix = await file.weight(`rotated8.${size}`, "float", [size, size], rotation.matrix());
  const parts = file.node("Reshape", [x, int64(file, [0, 0, cols / size, size])]);
  return file.node("Reshape", [file.node("MatMul", [parts, matrix]), int64(file, [0, 0, cols])]);
}

/** Stores the codes of each group [columns of the group, rows] and their scales float32 [rows], once. */
async function expand(
  file: OnnxFile,
  { name, rows, cols }: MatrixSource,
  { bits, block }: BlockLayout,
  bounds: readonly number[],
  type: CodeType,
  turn: TurnedMatrix = {},
): Promise<void> {
  const groups = bounds.length - 1;
  const scales = Array.from({ length: groups }, () => new Float32Array(rows));
  await file.streamedWeight(`${name}.rows8`, type, [cols, rows], async (write) => {
    const q = await file.read(`${name}.q`);
    const stored = new Float32Array((await file.read(`${name}.scales`)).buffer);
    const zeros = file.has(`${name}.zeros`) ? await file.read(`${name}.zeros`) : null;
    const perRow = cols / block, zeroBytes = Math.ceil(perRow / 2), middleCode = 1 << bits - 1;
    const shift = type === "uint8" ? MIDDLE : 0;
    const codes = new Uint8Array(cols * rows), tile = new Float32Array(cols * TILE);
    const most = turn.rows ? rows : TILE, floats = new Float32Array(most * cols);
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      for (let r = first, i = 0; r < first + count; r++) {
        for (let b = 0, at = r * cols; b < perRow; b++) {
          const scale = stored[r * perRow + b];
          const zero = zeros === null ? middleCode : zeros[r * zeroBytes + (b >> 1)] >> 4 * (b & 1) & 15;
          for (const end = at + block; at < end; at++, i++) {
            floats[i] = ((bits === 8 ? q[at] : q[at >> 1] >> 4 * (at & 1) & 15) - zero) * scale;
          }
        }
      }
      if (turn.rows) {
        const { rotation, start, end } = turn.rows;
        rotation.apply(floats.subarray(start * cols, end * cols), cols);
      }
      for (let from = 0; from < count; from += TILE) {
        const size = Math.min(TILE, count - from);
        for (let c = 0, at = 0; c < cols; c++) {
          const factor = turn.scale ? turn.scale[c] : 1;
          for (let k = 0, i = from * cols + c; k < size; k++, i += cols) tile[at++] = floats[i] * factor;
        }
        turn.columns?.apply(tile.subarray(0, cols * size), size);
        for (let g = 0; g < groups; g++) {
          const largest = scales[g].subarray(first + from, first + from + size).fill(1e-30);
          for (let at = bounds[g] * size; at < bounds[g + 1] * size; at += size) {
            for (let k = 0; k < size; k++) {
              const magnitude = Math.abs(tile[at + k]);
              if (magnitude > largest[k]) largest[k] = magnitude;
            }
          }
          const inverse = Float32Array.from(largest, (l) => TOP / l);
          for (let c = bounds[g], at = c * size; c < bounds[g + 1]; c++, at += size) {
            for (let k = 0, to = c * rows + first + from; k < size; k++, to++) {
              codes[to] = Math.round(tile[at + k] * inverse[k]) + shift;
            }
          }
          for (let k = 0; k < size; k++) largest[k] /= TOP;
        }
      }
    }
    await write(codes);
  });
  for (let g = 0; g < groups; g++) {
    file.alias(`${name}.rows8.${g}`, `${name}.rows8`, [bounds[g + 1] - bounds[g], rows], bounds[g] * rows);
    await file.weight(`${name}.rows8.${g}.scales`, "float", [rows], scales[g]);
  }
}

const int64 = (file: OnnxFile, values: readonly number[]) =>
  file.constant(`rows8.int64.${values}`, "int64", [values.length], BigInt64Array.from(values, BigInt));
const normalStep = (file: OnnxFile) =>
  file.constant("rotated8.step", "float", [], new Float32Array([NORMAL_TOP / TOP]));
const step = (file: OnnxFile) => file.constant("rows8.step", "float", [], new Float32Array([1 / TOP]));
const middle = (file: OnnxFile, shape: readonly number[]) =>
  file.constant(`rows8.middle.${shape}`, "uint8", shape, new Uint8Array([MIDDLE]));
