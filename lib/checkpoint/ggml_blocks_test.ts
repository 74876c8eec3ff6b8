import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { BLOCK_TYPES } from "./ggml_blocks.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { WeightFile } from "./stored_tensor.ts";

const FIXTURE = fileURLToPath(new URL("./fixtures/ggml_blocks.safetensors", import.meta.url));

for (const [type, { weights, bytes, dequantise }] of Object.entries(BLOCK_TYPES)) {
  Deno.test(`dequantise() of ${type} equals gguf's bit for bit on random blocks`, () => {
    const file = new WeightFile(FIXTURE);
    try {
      const tensors = new Map(readSafetensorsHeader(file).map((t) => [t.name, t]));
      const read = (name: string) => {
        const { offset, bytes } = tensors.get(name)!;
        const data = new Uint8Array(bytes);
        file.readInto(data, offset);
        return data;
      };
      const blocks = read(`${type}.blocks`);
      const expected = new Uint32Array(read(`${type}.weights`).buffer);
      const count = blocks.length / bytes;
      assert.equal(expected.length, count * weights);
      const out = new Float32Array(expected.length);
      dequantise(blocks, count, out);
      assert.deepEqual(new Uint32Array(out.buffer), expected);
    } finally {
      file.close();
    }
  });
}
