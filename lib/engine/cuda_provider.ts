/**
 * ONNX Runtime's CUDA provider: a library that lies beside ONNX Runtime's own, which ships without it.
 *
 * Either the install script of `onnxruntime-node` has put it there, or it comes from a wheel and is linked there.
 * @see https://github.com/microsoft/onnxruntime/blob/v1.30.0/onnxruntime/core/session/provider_bridge_ort.cc
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fetchFilesFromWheel, PipFailed, type WheelFiles } from "../checkpoint/wheel.ts";
import { BadInput, messageOf } from "../std/errors.ts";
import { slolabCacheDir } from "../std/files.ts";
import { say } from "../std/progress.ts";
import { libraryPath, openFailure } from "./library.ts";

const [SHARED, CUDA] = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

/** The wheel of one Python, whichever is here: it is only unpacked. */
export const PROVIDER_WHEEL: WheelFiles = {
  requirement: "onnxruntime-gpu==1.30.0",
  pipFlags: "--platform=manylinux_2_28_x86_64 --implementation=cp --python-version=3.11 --abi=cp311".split(
    " ",
  ),
  files: {
    [SHARED]: "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d",
    [CUDA]: "9d7587acb137b31bf84e4d32dc444b969bb601d098b01395effcacfe4341e364",
  },
};
const INSTALL_SCRIPT = "deno install --allow-scripts=npm:onnxruntime-node";

export interface CudaProviderOptions {
  platform?: { os: string; arch: string };
  /** NVIDIA's driver, as the loader knows it. */
  driver?: string;
  /** Where ONNX Runtime's own library lies. */
  folder?: string;
  cacheDir?: string;
  wheel?: WheelFiles;
  pythons?: readonly string[];
}

/**
 * Puts the provider beside ONNX Runtime's library, unless it is there.
 * @throws {BadInput} where the platform or the machine has no CUDA, or the provider cannot be had.
 */
export async function ensureCudaProvider(options: CudaProviderOptions = {}): Promise<void> {
  const { platform = Deno.build, driver = "libcuda.so.1", wheel = PROVIDER_WHEEL, pythons } = options;
  if (platform.os !== "linux" || platform.arch !== "x86_64") {
    throw new BadInput(
      `Cannot use --device cuda as the platform must be linux x64: it is ${platform.os} ${platform.arch}; --device cpu always works`,
    );
  }
  const missing = openFailure(driver);
  if (missing !== null) {
    throw new BadInput(
      `Cannot use --device cuda as NVIDIA's driver must be on the machine: ${missing}; --device cpu always works`,
    );
  }
  const { folder = dirname(libraryPath()), cacheDir = slolabCacheDir() } = options;
  if (existsSync(join(folder, SHARED)) && existsSync(join(folder, CUDA))) return;
  const cached = join(cacheDir, wheel.requirement.replace("==", "-"));
  if (!existsSync(join(cached, CUDA))) {
    say(`  Fetching ONNX Runtime's CUDA provider from ${wheel.requirement} (247 MB)`);
    try {
      await fetchFilesFromWheel(wheel, cached, pythons);
    } catch (thrown) {
      if (!(thrown instanceof PipFailed)) throw thrown;
      throw new BadInput(
        `Cannot use --device cuda as its provider library must be had: the wheel ${wheel.requirement} could not, as ` +
          `${messageOf(thrown)}; \`${INSTALL_SCRIPT}\` is the other way; --device cpu always works`,
      );
    }
  }
  for (const name of [SHARED, CUDA]) {
    await Deno.remove(join(folder, name)).catch(() => {}); // a link to a cache that was emptied
    await Deno.symlink(join(cached, name), join(folder, name));
  }
}

/** What keeps the provider from working, after ONNX Runtime failed to load it: `... must be there: ...`. */
export function explainCudaFailure(thrown: unknown, folder = dirname(libraryPath())): string {
  const provider = join(folder, CUDA);
  if (!existsSync(provider) || !existsSync(join(folder, SHARED))) {
    return `its provider library must be there: it is not (\`${INSTALL_SCRIPT}\` fetches it)`;
  }
  const isWheels = Deno.lstatSync(provider).isSymlink;
  const origin = isWheels ? PROVIDER_WHEEL.requirement : "onnxruntime-node's install script";
  const missing = openFailure(provider);
  return missing === null
    ? `a GPU must be there that ONNX Runtime can use: ${messageOf(thrown)} (provider from ${origin})`
    : `the libraries of CUDA and cuDNN must be there, on LD_LIBRARY_PATH for instance: ${missing} (provider from ${origin})`;
}
