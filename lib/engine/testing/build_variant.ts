/** Variants for tests: built of a checkpoint in `../shared` into a folder that is removed afterwards. */
import { join } from "node:path";
import { openCheckpoint } from "../../checkpoint/open.ts";
import { buildVariant } from "../../compress/build.ts";
import type { VariantName } from "../../compress/variant.ts";

/** Builds a variant, hands its folder to `use`, and removes it. */
export async function withVariant<T>(
  checkpointPath: string,
  variant: VariantName,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const temp = await Deno.makeTempDir();
  const checkpoint = await openCheckpoint(checkpointPath);
  try {
    const folder = join(temp, variant);
    const source = { kind: "path" as const, location: checkpointPath, revision: null, sha256: "" };
    await buildVariant(checkpoint, { model: "test", variant, outDir: folder, source });
    return await use(folder);
  } finally {
    checkpoint.close();
    await Deno.remove(temp, { recursive: true });
  }
}

/**
 * Brings a real model with `../shared/models/fetch.py`.
 * @returns the path of its file
 */
export async function fetchTestModel(shared: string, name: string): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command("python3", {
    args: [join(shared, "models", "fetch.py"), name],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}
