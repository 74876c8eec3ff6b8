/** For tests: a random chat model whose tokenizer spells every text, in the hub's layout. */
import { join } from "node:path";
import { TINY, TINY_TEMPLATE, tinyTokenizerFiles } from "./tiny_tokenizer.ts";
import { SMALL_LLAMA, smallLlamaTensors, writeFolder } from "./write_checkpoint.ts";

/** Writes its folder. Heads are 16 long, the least that ONNX Runtime rotates. */
export async function writeTinyChatModel(folder: string, contextLength = 2048): Promise<void> {
  const model = {
    ...SMALL_LLAMA,
    vocab_size: TINY.tool + 1,
    hidden_size: 32,
    head_dim: 16,
    max_position_embeddings: contextLength,
    eos_token_id: TINY.end,
  };
  const { tokenizer, config } = tinyTokenizerFiles(TINY_TEMPLATE);
  await writeFolder(folder, model, smallLlamaTensors(model));
  await Deno.writeTextFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  await Deno.writeTextFile(join(folder, "tokenizer_config.json"), JSON.stringify(config));
}
