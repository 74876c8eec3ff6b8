import assert from "node:assert/strict";
import { join } from "node:path";
import { SMALL_LLAMA, smallLlamaTensors, writeFolder } from "../checkpoint/testing/write_checkpoint.ts";
import { type EnsureOptions, ensureVariant, listCache, removeFromCache } from "./cache.ts";
import { inTemp } from "../std/test_support.ts";
import { listDir } from "./testing/list_dir.ts";

const TENSORS = smallLlamaTensors();

async function ensure(dir: string, options: Partial<EnsureOptions> = {}) {
  return await ensureVariant({
    model: join(dir, "m"),
    variant: "cheap",
    cacheDir: join(dir, "cache"),
    onProgress: () => {},
    ...options,
  });
}

Deno.test("ensureVariant() builds once, and anew for other weights, variant or rounding", () =>
  inTemp(async (dir) => {
    await writeFolder(join(dir, "m"), SMALL_LLAMA, TENSORS);
    const first = await ensure(dir);
    assert.equal(first.built, true);
    const again = await ensure(dir);
    assert.deepEqual(again, { ...first, built: false });
    const folders = new Set([first.dir]);
    for (const other of [{ variant: "med" }, { variant: "base" }, { rounding: "nearest" }] as const) {
      folders.add((await ensure(dir, other)).dir);
    }
    folders.add((await ensure(dir, { variant: "base", rounding: "nearest" })).dir);
    const changed = structuredClone(TENSORS);
    changed["lm_head.weight"].data[0] += 1;
    await writeFolder(join(dir, "m"), SMALL_LLAMA, changed);
    folders.add((await ensure(dir)).dir);
    assert.equal(folders.size, 5);
    assert.equal((await listDir(join(dir, "cache", "variants"))).length, 5);
  }));

Deno.test("ensureVariant() names a folder by the model's last name", () =>
  inTemp(async (dir) => {
    await writeFolder(join(dir, "m"), SMALL_LLAMA, TENSORS);
    const { dir: folder, manifest } = await ensure(dir);
    assert.match(folder, /[\\/]variants[\\/]m-cheap-blocks-[0-9a-f]{12}$/);
    assert.equal(manifest.model, join(dir, "m"));
  }));

Deno.test("listCache() gives keys and sizes, removeFromCache() takes one away", () =>
  inTemp(async (dir) => {
    const cacheDir = join(dir, "cache");
    assert.deepEqual(await listCache(cacheDir), []);
    await writeFolder(join(dir, "m"), SMALL_LLAMA, TENSORS);
    const { dir: folder } = await ensure(dir);
    await Deno.mkdir(join(cacheDir, "models"));
    await Deno.writeFile(join(cacheDir, "models", "a.gguf"), new Uint8Array(5));
    const [model, variant] = await listCache(cacheDir);
    assert.deepEqual(model, {
      kind: "model",
      key: "a.gguf",
      path: join(cacheDir, "models", "a.gguf"),
      bytes: 5,
    });
    assert.deepEqual([variant.kind, variant.path], ["variant", folder]);
    const sizes = (await listDir(folder)).map((f) => Deno.statSync(join(folder, f)).size);
    assert.equal(variant.bytes, sizes.reduce((a, b) => a + b));
    await assert.rejects(removeFromCache("../models", cacheDir), /must be in the cache/);
    assert.deepEqual(await removeFromCache(variant.key, cacheDir), variant);
    assert.deepEqual(await listCache(cacheDir), [model]);
  }));
