/** The real wheel, on a machine without CUDA: everything up to NVIDIA's own libraries. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { BadInput, messageOf } from "../std/errors.ts";
import { inTemp, needsTest } from "../std/test_support.ts";
import { ensureCudaProvider, PROVIDER_WHEEL } from "./cuda_provider.ts";
import { libraryPath, openFailure } from "./library.ts";
import { OrtSession } from "./ort.ts";

const lacking = Deno.build.os !== "linux" || Deno.build.arch !== "x86_64"
  ? "CUDA is for linux x64"
  : openFailure("libcuda.so.1") === null
  ? "NVIDIA's driver is here: what it says without one cannot be seen"
  : null;

needsTest(
  "ONNX Runtime finds the wheel's CUDA provider, and what CUDA lacks is named",
  lacking,
  () =>
    inTemp(async (cacheDir) => {
      const folder = dirname(libraryPath());
      try {
        await ensureCudaProvider({ driver: "libc.so.6", cacheDir });
      } catch (thrown) { // no Python with pip, or no registry
        console.log(`not tried: ${messageOf(thrown)}`);
        return;
      }
      try {
        await assert.rejects(
          OrtSession.create(libraryPath(), [], [], { device: "cuda" }),
          (e) =>
            e instanceof BadInput && !e.message.includes("\n") &&
            /libraries of CUDA and cuDNN .*lib\w+\.so\.13: .*\(provider from onnxruntime-gpu==/.test(
              e.message,
            ),
        );
      } finally {
        for (const name of Object.keys(PROVIDER_WHEEL.files)) await Deno.remove(join(folder, name));
      }
    }),
);
