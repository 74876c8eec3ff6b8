import assert from "node:assert/strict";
import { join } from "node:path";
import { zipSync } from "fflate";
import { BadInput } from "../std/errors.ts";
import { sha256 } from "../std/files.ts";
import { inTemp, needsTest } from "../std/test_support.ts";
import { type CudaProviderOptions, ensureCudaProvider, PROVIDER_WHEEL } from "./cuda_provider.ts";
import { ORT_VERSION } from "./library.ts";

const LINUX = { os: "linux", arch: "x86_64" };
const NAMES = Object.keys(PROVIDER_WHEEL.files);
const bytes = (name: string) => new TextEncoder().encode(name);
const wheel = { ...PROVIDER_WHEEL, files: Object.fromEntries(NAMES.map((n) => [n, sha256(bytes(n))])) };
const names = (folder: string) => [...Deno.readDirSync(folder)].map((f) => f.name).sort();

const refuses = (options: CudaProviderOptions, message: RegExp) =>
  assert.rejects(
    ensureCudaProvider({ platform: LINUX, ...options }),
    (e) => e instanceof BadInput && message.test(e.message) && !e.message.includes("\n"),
  );

/** Runs with a stand-in for Python whose pip brings the wheel or fails, and a driver that is there. */
const withOptions = (pip: string, use: (o: Required<CudaProviderOptions>) => Promise<void>) =>
  inTemp(async (dir) => {
    const [folder, python] = [join(dir, "lib"), join(dir, "python")];
    await Deno.mkdir(folder);
    const files = NAMES.map((name) => [`onnxruntime/capi/${name}`, bytes(name)]);
    await Deno.writeFile(join(dir, "gpu.whl"), zipSync(Object.fromEntries(files)));
    await Deno.writeTextFile(python, `#!/bin/sh\nhere="${dir}"\n${pip}\n`, { mode: 0o755 });
    await use({
      platform: LINUX,
      driver: "libc.so.6",
      folder,
      cacheDir: join(dir, "cache"),
      wheel,
      pythons: [python],
    });
  });

const BRINGS = 'echo "$@" >>"$here/args"\n' +
  'for a in "$@"; do case $a in --dest=*) cp "$here/gpu.whl" "${a#--dest=}"; esac; done';
const notLinux = Deno.build.os === "linux" ? null : "CUDA is for linux x64";

Deno.test("the provider's wheel is of the version of ONNX Runtime", () => {
  assert.equal(PROVIDER_WHEEL.requirement, `onnxruntime-gpu==${ORT_VERSION}`);
});

Deno.test("ensureCudaProvider() names the platform or the driver that is not there before it fetches anything", async () => {
  await refuses({ platform: { os: "darwin", arch: "aarch64" } }, /must be linux x64: it is darwin aarch64/);
  await refuses({ driver: "libabsent.so.1" }, /NVIDIA's driver must be on the machine: libabsent.so.1/);
});

needsTest(
  "ensureCudaProvider() leaves what the install script has put beside the library",
  notLinux,
  () =>
    withOptions("exit 1", async (options) => {
      for (const name of NAMES) await Deno.writeTextFile(join(options.folder, name), "");
      await ensureCudaProvider(options);
      assert.deepEqual(names(options.folder), NAMES.toSorted());
    }),
);

needsTest(
  "ensureCudaProvider() links the wheel's files beside the library, and fetches them once",
  notLinux,
  () =>
    withOptions(BRINGS, async (options) => {
      await ensureCudaProvider(options);
      await ensureCudaProvider(options);
      await Deno.remove(join(options.folder, NAMES[0])); // node_modules made anew
      await ensureCudaProvider(options);
      for (const name of NAMES) {
        assert.equal(await Deno.readTextFile(join(options.folder, name)), name);
      }
      assert.deepEqual(names(options.cacheDir), ["onnxruntime-gpu-1.30.0"]);
      const asked = (await Deno.readTextFile(join(options.cacheDir, "../args"))).trim().split("\n");
      assert.equal(asked.length, 1);
      assert.match(asked[0], /download .*--python-version=3\.11 .*onnxruntime-gpu==1\.30\.0$/);
    }),
);

needsTest(
  "ensureCudaProvider() says that the wheel was tried, why in vain, and what else there is",
  notLinux,
  () =>
    withOptions('echo "No matching distribution" >&2; exit 1', async (options) => {
      await refuses(
        options,
        /the wheel onnxruntime-gpu==1\.30\.0 .*No matching distribution.*--allow-scripts/,
      );
      assert.deepEqual(names(options.folder), []);
    }),
);
