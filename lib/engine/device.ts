/** Whether a device can be used, before a model is fetched, built and loaded for it. */
import { join } from "node:path";
import { OnnxFile } from "../compress/onnx_file.ts";
import { BadInput } from "../std/errors.ts";
import { ensureCudaProvider } from "./cuda_provider.ts";
import { libraryPath, openFailure } from "./library.ts";
import { type Device, OrtSession } from "./ort.ts";

/**
 * Brings what the device needs and opens a session on it.
 * @throws {BadInput} where the platform or the device is not there, in one line that says what is missing.
 */
export async function ensureDevice(device: Device = "cpu"): Promise<void> {
  libraryPath();
  if (device === "cpu") return;
  if (device === "cuda") await ensureCudaProvider();
  if (device === "webgpu" && Deno.build.os === "linux") {
    const missing = openFailure("libvulkan.so.1");
    if (missing !== null) {
      throw new BadInput(
        `Cannot use --device webgpu as Vulkan must be there: ${missing}; --device cpu always works`,
      );
    }
  }
  const folder = await Deno.makeTempDir();
  try {
    const file = await OnnxFile.create(join(folder, "probe.onnx"));
    file.input("x", "float", [1]);
    file.node("Neg", ["x"], {}, { outputs: ["y"] });
    file.output("y", "float", [1]);
    await file.finish();
    (await OrtSession.create(file.path, ["x"], ["y"], { device, threads: 1 })).close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
