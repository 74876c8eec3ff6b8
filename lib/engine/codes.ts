/** Which integer matmul of this CPU is exact. */
import { join } from "node:path";
import type { CodeType } from "../compress/forms/rows.ts";
import { DataType, OnnxFile } from "../compress/onnx_file.ts";
import { offHeap, OrtSession, OrtTensor } from "./ort.ts";

let codes: Promise<CodeType> | undefined;

/** The type of codes that this CPU multiplies exactly: int8 where its products don't overflow, else uint8. */
export function exactCodes(): Promise<CodeType> {
  return codes ??= (async () => {
    const folder = await Deno.makeTempDir();
    try {
      const K = 64, file = await OnnxFile.create(join(folder, "probe.onnx"));
      file.input("x", "float", [1, K]);
      await file.weight("w", "int8", [K, 1], new Int8Array(K).fill(127));
      const x8 = file.node("Cast", ["x"], { to: DataType.uint8 });
      file.node("Cast", [file.node("MatMulInteger", [x8, "w"])], { to: DataType.float }, { outputs: ["y"] });
      file.output("y", "float", [1, 1]);
      await file.finish();
      const session = await OrtSession.create(file.path, ["x"], ["y"], { threads: 1 });
      const x = new OrtTensor(offHeap(Float32Array, K).fill(255), [1, K]);
      const product = offHeap(Float32Array, 1), y = new OrtTensor(product, [1, 1]);
      session.inputs[0] = x.handle;
      session.outputs[0] = y.handle;
      await session.run();
      x.release();
      y.release();
      session.close();
      return product[0] === 255 * 127 * K ? "int8" : "uint8";
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  })();
}
