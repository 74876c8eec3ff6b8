/** Files: atomic writes, JSONL, hashes, and where slolab keeps what it downloads and builds. */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { BadInput, messageOf } from "./errors.ts";
import { readLines } from "./lines.ts";

/** Writes a whole file beside its target and renames it there, so that a reader never sees half of it. */
export async function writeAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const part = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  try {
    if (typeof data === "string") await Deno.writeTextFile(part, data);
    else await Deno.writeFile(part, data);
    await Deno.rename(part, path);
  } catch (thrown) {
    await Deno.remove(part).catch(() => {});
    throw thrown;
  }
}

/** Writes a value as indented JSON with a final newline. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeAtomic(path, JSON.stringify(value, null, 2) + "\n");
}

/**
 * Reads a JSON file.
 * @throws {BadInput} where it is absent or is not JSON.
 */
export async function readJson<T = unknown>(path: string): Promise<T> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      throw new BadInput(`Cannot read ${path} as it must be JSON: ${messageOf(thrown)}`);
    }
    if (thrown instanceof Deno.errors.NotFound) {
      throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
    }
    throw thrown;
  }
}

/** Writes one JSON value a line. */
export function writeJsonl(path: string, records: readonly unknown[]): Promise<void> {
  return writeAtomic(path, records.map((r) => JSON.stringify(r) + "\n").join(""));
}

/**
 * Reads one JSON object a line; empty lines are skipped.
 * @throws {BadInput} naming the line that is not a JSON object.
 */
export async function readJsonl<T = Record<string, unknown>>(path: string): Promise<T[]> {
  const records: T[] = [];
  let count = 0;
  const take = (line: string) => {
    count++;
    if (line.trim() === "") return;
    try {
      const value = JSON.parse(line);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw new SyntaxError("not an object");
      }
      records.push(value);
    } catch (thrown) {
      throw new BadInput(
        `Cannot read ${path} as each line must be a JSON object: line ${count} is not (${messageOf(thrown)})`,
      );
    }
  };
  try {
    take((await readLines(path, take)).rest);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
  }
  return records;
}

/** Hex SHA-256 of a string or bytes. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Hex SHA-256 of a file, read in blocks of 1 MiB. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const block = new Uint8Array(1 << 20);
  for (let n; (n = await file.read(block)) !== null;) hash.update(block.subarray(0, n));
  return hash.digest("hex");
}

/** Says whether a path exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) return false;
    throw thrown;
  }
}

/** The user's cache folder: `$XDG_CACHE_HOME`, else the platform's own. */
export function userCacheDir(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  if (xdg) return xdg;
  if (Deno.build.os === "darwin") return join(home, "Library", "Caches");
  if (Deno.build.os === "windows") return Deno.env.get("LOCALAPPDATA") ?? join(home, "AppData", "Local");
  return join(home, ".cache");
}

/** Where models and variants are kept: `<cache>/slolab`. */
export function slolabCacheDir(): string {
  return join(userCacheDir(), "slolab");
}
