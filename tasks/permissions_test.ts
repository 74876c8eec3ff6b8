/** The tasks of deno.json with the permissions that it gives them, on a tiny model that can read and write. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { TINY, TINY_TEMPLATE, tinyTokenizerFiles } from "slolab/checkpoint/testing/tiny_tokenizer.ts";
import { SMALL_LLAMA, smallLlamaTensors, writeFolder } from "slolab/checkpoint/testing/write_checkpoint.ts";
import { ROOT } from "slolab/std/test_support.ts";

/** `SMALL_LLAMA` with the tiny tokenizer's vocabulary, and one head of 16, the least that ONNX Runtime takes. */
async function writeTinyChatModel(folder: string): Promise<void> {
  const { tokenizer, config } = tinyTokenizerFiles(TINY_TEMPLATE);
  const vocab_size = TINY.tool + 1;
  const tensors = Object.entries(smallLlamaTensors()).map(([name, { shape, data }]) => {
    const rows = /embed_tokens|lm_head/.test(name) ? vocab_size : /[kv]_proj/.test(name) ? 16 : shape[0];
    const length = rows * data.length / shape[0];
    return [name, {
      shape: [rows, ...shape.slice(1)],
      data: Float32Array.from({ length }, (_, i) => data[i % data.length]),
    }];
  });
  const changes = {
    vocab_size,
    eos_token_id: TINY.end,
    num_attention_heads: 1,
    head_dim: 16,
    max_position_embeddings: 2048,
  };
  await writeFolder(folder, { ...SMALL_LLAMA, ...changes }, Object.fromEntries(tensors));
  await Deno.writeTextFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  await Deno.writeTextFile(join(folder, "tokenizer_config.json"), JSON.stringify(config));
}

Deno.test("deno.json gives each task the permissions that it needs", async (t) => {
  const dir = await Deno.makeTempDir();
  const model = ["--model", join(dir, "tiny")];
  const run = (task: string, ...args: string[]) =>
    t.step(task, async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["task", task, ...args],
        cwd: ROOT,
        env: { XDG_CACHE_HOME: join(dir, "cache"), HF_HUB_OFFLINE: "1", NO_COLOR: "1" },
      }).output();
      const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(code, 0, errors);
      assert.doesNotMatch(text + errors, /Requires \w+ access/);
    });
  try {
    await writeTinyChatModel(join(dir, "tiny"));
    await run("compress", ...model);
    await run("generate", ...model, "--prompt", "Hello", "--max-tokens", "2");
    const load = ["--num-requests", "2", "--concurrencies", "1", "--max-tokens", "2", "--data-subset", "4"];
    await run("baseline", ...model, ...load, "--output-dir", join(dir, "run"));
    await run("report", join(dir, "run"));
    await run("models");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
