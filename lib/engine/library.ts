/** ONNX Runtime's native library, as the npm package `onnxruntime-node` ships it. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ortPackage from "onnxruntime-node/package.json" with { type: "json" };
import { BadInput, messageOf } from "../std/errors.ts";

/** Version of the native library. */
export const ORT_VERSION: string = ortPackage.version;

/**
 * Path of the native library.
 * @throws {BadInput} where the package has none for the platform.
 */
export function libraryPath({ os, arch }: { os: string; arch: string } = Deno.build): string {
  const name = {
    linux: "libonnxruntime.so.1",
    darwin: `libonnxruntime.${ORT_VERSION}.dylib`,
    windows: "onnxruntime.dll",
  }[os];
  const folder = join(
    dirname(fileURLToPath(import.meta.resolve("onnxruntime-node/package.json"))),
    "bin/napi-v6",
    os === "windows" ? "win32" : os,
    arch === "x86_64" ? "x64" : "arm64",
  );
  if (!name || !existsSync(join(folder, name))) {
    throw new BadInput(
      `Cannot load ONNX Runtime as the platform must be linux (x64, arm64), macOS (arm64) or Windows: it is ${os} ${arch}`,
    );
  }
  return join(folder, name);
}

/** Why the system's loader cannot open a library, or null where it can; an opened one stays. */
export function openFailure(name: string): string | null {
  try {
    Deno.dlopen(name, {});
    return null;
  } catch (thrown) {
    return messageOf(thrown).replaceAll("Could not open library: ", "");
  }
}
