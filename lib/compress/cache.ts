/**
 * The one folder of models and variants: `<cache>/slolab/{models,variants}`.
 *
 * A variant's folder is named by its model, variant and first form, and by a key over the source's hash and the
 * builder's version: whatever would change its weights. Graphs of other forms are added to it.
 */
import { basename, join } from "node:path";
import { openCheckpoint } from "../checkpoint/open.ts";
import { resolveModel, type ResolveOptions } from "../checkpoint/sources.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, sha256, slolabCacheDir } from "../std/files.ts";
import { Progress, say } from "../std/progress.ts";
import { buildVariant } from "./build.ts";
import { writeExportFolder } from "./onnx_export.ts";
import type { Rounding } from "./quantise.ts";
import type { VariantManifest, VariantName } from "./variant.ts";
import { BUILDER_VERSION, formNameOf } from "./variants.ts";

export interface EnsureOptions extends Pick<ResolveOptions, "hub"> {
  model: string;
  variant: VariantName;
  rounding?: Rounding;
  cacheDir?: string;
  onProgress?: (done: number, total: number) => void;
}

export interface EnsuredVariant {
  dir: string;
  manifest: VariantManifest;
  /** What it was built from. */
  checkpoint: string;
  /** False where the variant was there already, or is an export. */
  built: boolean;
}

/**
 * Finds a variant, or fetches its model and builds it.
 * @throws {BadInput} where the model cannot be had.
 */
export async function ensureVariant(options: EnsureOptions): Promise<EnsuredVariant> {
  const { model, variant, rounding = "fit", cacheDir = slolabCacheDir() } = options;
  const form = formNameOf(variant);
  const source = await resolveModel(model, { cacheDir, hub: options.hub });
  if (/\.onnx$/i.test(source.path)) {
    const { kind, location, revision, sha256, name } = source;
    const dir = join(cacheDir, "variants", `${labelOf(name)}-export-${sha256.slice(0, 12)}`);
    say(`  ${name} is an ONNX export: its own weights are run, whatever the variant`);
    const manifest = await writeExportFolder(source.path, {
      model: name,
      source: { kind, location, revision, sha256 },
      outDir: dir,
    });
    return { dir, manifest, checkpoint: source.path, built: false };
  }
  const chosen = form === "float" ? null : rounding; // floats are rounded to the nearest
  const key = sha256(JSON.stringify([source.sha256, variant, form, chosen, BUILDER_VERSION])).slice(0, 12);
  const dir = join(cacheDir, "variants", `${labelOf(source.name)}-${variant}-${form}-${key}`);
  if (await exists(join(dir, "variant.json"))) {
    const manifest = await readJson<VariantManifest>(join(dir, "variant.json"));
    return { dir, manifest, checkpoint: source.path, built: false };
  }
  say(`  Building ${variant} of ${source.name} (${source.kind}: ${source.location})`);
  const checkpoint = await openCheckpoint(source.path);
  let progress: Progress | undefined;
  const onProgress = options.onProgress ?? ((done: number, total: number) => {
    progress ??= new Progress({ label: `${variant}, M weights`, total, format: (n) => (n / 1e6).toFixed(0) });
    progress.update(Math.min(done, total));
  });
  try {
    const { kind, location, revision, sha256, name } = source;
    const manifest = await buildVariant(checkpoint, {
      model: name,
      variant,
      rounding,
      outDir: dir,
      source: { kind, location, revision, sha256 },
      onProgress,
    });
    return { dir, manifest, checkpoint: source.path, built: true };
  } finally {
    progress?.finish();
    checkpoint.close();
  }
}

/** The part of a folder's name that tells people which model it is. */
function labelOf(name: string): string {
  return basename(name).replaceAll(/[^\w.-]+/g, "-");
}

/** An entry of the cache, as `deno task models` lists it. */
export interface CacheEntry {
  kind: "model" | "variant";
  key: string;
  path: string;
  bytes: number;
}

/** Lists what the cache holds, models first. */
export async function listCache(cacheDir: string = slolabCacheDir()): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const kind of ["model", "variant"] as const) {
    const folder = join(cacheDir, `${kind}s`);
    if (!await exists(folder)) continue;
    for await (const { name } of Deno.readDir(folder)) {
      const path = join(folder, name);
      entries.push({ kind, key: name, path, bytes: await sizeOf(path) });
    }
  }
  return entries.sort((a, b) => a.kind.localeCompare(b.kind) || a.key.localeCompare(b.key));
}

/**
 * Removes an entry.
 * @returns what was removed
 * @throws {BadInput} where no entry has the key.
 */
export async function removeFromCache(key: string, cacheDir: string = slolabCacheDir()): Promise<CacheEntry> {
  const entry = (await listCache(cacheDir)).find((e) => e.key === key);
  if (!entry) throw new BadInput(`Cannot remove '${key}' as it must be in the cache: see deno task models`);
  await Deno.remove(entry.path, { recursive: true });
  return entry;
}

async function sizeOf(path: string): Promise<number> {
  const stat = await Deno.lstat(path);
  if (!stat.isDirectory) return stat.size;
  let bytes = 0;
  for await (const { name } of Deno.readDir(path)) bytes += await sizeOf(join(path, name));
  return bytes;
}
