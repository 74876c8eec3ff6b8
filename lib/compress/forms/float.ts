/**
 * float: weights as 32-bit or 16-bit floats. Those that are not of the type that is multiplied in are cast in the
 * graph, which the runtime does once, as it loads the model.
 */
import { BadInput } from "../../std/errors.ts";
import { rowBlocks } from "../matrix_source.ts";
import { DataType } from "../onnx_file.ts";
import type { MatrixForm } from "./form.ts";

export type FloatType = "float" | "float16" | "bfloat16";

/**
 * @param type of weights that are not there yet
 * @param half multiplies in float16 instead of float32
 */
export function floatForm(type: FloatType, half = false): MatrixForm {
  const cast = new Map<string, string>();
  const multiplied = half ? "float16" : "float";
  return {
    half,
    async store(file, source) {
      let squaredError = 0, squaredWeight = 0;
      await file.streamedWeight(source.name, type, [source.rows, source.cols], async (write) => {
        for await (const rows of rowBlocks(source)) {
          const { data, error, weight } = convert(source.name, rows, type);
          squaredError += error;
          squaredWeight += weight;
          await write(data);
        }
      });
      cast.set(
        source.name,
        file.typeOf(source.name) === multiplied
          ? source.name
          : file.node("Cast", [source.name], { to: DataType[multiplied] }),
      );
      const bits = type === "float" ? 32 : 16, weights = source.rows * source.cols;
      return {
        name: source.name,
        bits,
        bytes: weights * bits / 8,
        weights,
        squaredError,
        squaredWeight,
      };
    },
    multiply(file, x, source) {
      return file.node("FusedMatMul", [x, cast.get(source.name)!], { transB: 1 }, {
        domain: "com.microsoft",
      });
    },
    gather(file, ids, source) {
      if (file.typeOf(source.name) === "float") return file.node("Gather", [source.name, ids]);
      return file.node("Cast", [file.node("Gather", [source.name, ids])], { to: DataType.float });
    },
  };
}

const bits32 = new Uint32Array(1), float32 = new Float32Array(bits32.buffer);

/**
 * Rounds to the type (to nearest, ties to even).
 * @throws {BadInput} where a weight is beyond the type.
 */
function convert(name: string, rows: Float32Array<ArrayBuffer>, type: FloatType) {
  let error = 0, weight = 0;
  if (type === "float") {
    for (const w of rows) weight += w * w;
    return { data: new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength), error, weight };
  }
  const halves = new Uint16Array(rows.length);
  const view16 = type === "float16" ? new Float16Array(halves.buffer) : null;
  for (let i = 0; i < rows.length; i++) {
    const w = rows[i];
    let stored: number;
    if (view16) {
      view16[i] = w;
      stored = view16[i];
    } else {
      float32[0] = w;
      halves[i] = bits32[0] + 0x7fff + (bits32[0] >>> 16 & 1) >>> 16;
      bits32[0] = halves[i] << 16;
      stored = float32[0];
    }
    const e = w - stored;
    error += e * e;
    weight += w * w;
  }
  if (!Number.isFinite(error)) {
    throw new BadInput(`Cannot store ${name} as ${type} as its weights must be below 65,520: one is not`);
  }
  return { data: new Uint8Array(halves.buffer), error, weight };
}
