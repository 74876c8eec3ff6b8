/** The tokenizer beside a variant. */
import { join } from "node:path";
import { loadTokenizer, type Tokenizer } from "../checkpoint/tokenizer.ts";
import { exists, readJson } from "../std/files.ts";

/** The tokenizer of a variant's folder, or null where it has none. */
export async function readTokenizer(folder: string): Promise<Tokenizer | null> {
  const path = join(folder, "tokenizer.json");
  if (!await exists(path)) return null;
  return loadTokenizer({
    tokenizer: await readJson(path),
    config: await readJson(join(folder, "tokenizer_config.json")),
  });
}
