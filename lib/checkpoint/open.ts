/** Opens a checkpoint of either format. */
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJson } from "../std/files.ts";
import { findArchitecture } from "./architectures/mod.ts";
import type { Checkpoint, TokenizerFiles } from "./checkpoint.ts";
import { collectIds, FileCheckpoint } from "./file_checkpoint.ts";
import { openGguf } from "./gguf_checkpoint.ts";
import { openSafetensors } from "./safetensors.ts";

/**
 * Opens a folder with `config.json` and safetensors, or a `.gguf` file. Close it after use.
 * @throws {BadInput} where the path is neither, or a file is damaged.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  let isDirectory: boolean;
  try {
    isDirectory = (await Deno.stat(path)).isDirectory;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory)) {
      throw thrown;
    }
    throw new BadInput(`Cannot open ${path} as it must exist: there is no such file or folder`);
  }
  if (isDirectory) return await openFolder(path);
  if (/\.gguf$/i.test(path)) return openGguf(path);
  throw new BadInput(
    `Cannot open ${path} as it must be a folder with config.json or a .gguf file: it is neither`,
  );
}

async function openFolder(path: string): Promise<Checkpoint> {
  const config = await readJson<Record<string, unknown>>(join(path, "config.json"));
  const optional = async <T>(name: string, read: (path: string) => Promise<T>): Promise<T | undefined> => {
    const file = join(path, name);
    return await exists(file) ? await read(file) : undefined;
  };
  type Json = Record<string, unknown>;
  const generation = await optional("generation_config.json", readJson<Json>);
  const tokenizer = await optional("tokenizer.json", readJson<Json>);
  let tokenizerFiles: TokenizerFiles | null = null;
  if (tokenizer) {
    const own = await optional("tokenizer_config.json", readJson<Json>) ?? {};
    const template = await optional("chat_template.jinja", Deno.readTextFile);
    tokenizerFiles = {
      tokenizer,
      config: template === undefined ? own : { ...own, chat_template: template },
    };
  }
  const text = config.text_config as Json | undefined;
  const { files, tensors } = await openSafetensors(path);
  const canonicalName = findArchitecture(config)?.canonicalName ?? ((name) => name);
  return new FileCheckpoint({
    format: "safetensors",
    path,
    config,
    files,
    tensors: new Map(tensors.map((t) => [canonicalName(t.name), { ...t, name: canonicalName(t.name) }])),
    eosTokenIds: collectIds(config.eos_token_id, text?.eos_token_id, generation?.eos_token_id),
    tokenizerFiles: () => tokenizerFiles,
  });
}
