import assert from "node:assert/strict";
import { join } from "node:path";
import { readGgufHeader } from "./gguf.ts";
import { WeightFile } from "./stored_tensor.ts";
import { ggufBytes } from "./testing/write_checkpoint.ts";

Deno.test("readGgufHeader() keeps byte order marks: gemma's vocabulary has tokens that begin with one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "a.gguf");
    const tokens = ["//", "\ufeff//", "\ufeff"];
    await Deno.writeFile(path, ggufBytes({ "tokenizer.ggml.tokens": tokens }, {}));
    const file = new WeightFile(path);
    try {
      assert.deepEqual(readGgufHeader(file).metadata, { "tokenizer.ggml.tokens": tokens });
    } finally {
      file.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
