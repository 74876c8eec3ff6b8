/** A GPU in software for tests: SwiftShader, which Debian's chromium brings with a Vulkan loader. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "/usr/lib/chromium";

/**
 * Makes WebGPU find SwiftShader in this process, unless a session on WebGPU was opened before.
 * @returns why it cannot, or null
 */
export function useSwiftShader(): string | null {
  const files = ["libvulkan.so.1", "vk_swiftshader_icd.json"].map((name) => join(FOLDER, name));
  if (Deno.build.os !== "linux" || !files.every((path) => existsSync(path))) {
    return "no SwiftShader here (apt-get install chromium on Debian)";
  }
  Deno.env.set("VK_ICD_FILENAMES", files[1]);
  Deno.dlopen(files[0], {}); // found by its name from now on
  return null;
}
