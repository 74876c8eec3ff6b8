import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { readJsonArray } from "./json_array.ts";

async function read(text: string): Promise<unknown[]> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    return await Array.fromAsync(readJsonArray(path));
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("readJsonArray() yields what JSON.parse() gives", async () => {
  const nested = [{ a: '[{,"\\', b: [1, [2, {}]] }, "é, ]\n", 3.5, null, [], true];
  for (
    const text of ["[]", " [ ]\n", "[1]", JSON.stringify(nested), JSON.stringify(nested, null, 2) + "\n"]
  ) {
    assert.deepEqual(await read(text), JSON.parse(text));
  }
});

Deno.test("readJsonArray() joins elements and characters that cross blocks of the file", async () => {
  const long = Array.from({ length: 5000 }, (_, i) => ({ id: i, text: `${"é…\\".repeat(i % 23)}"${i}` }));
  const text = JSON.stringify(long);
  assert.ok(text.length > 1 << 18);
  assert.deepEqual(await read(text), long);
});

Deno.test("readJsonArray() refuses whatever is not one whole array", async () => {
  const bad = [
    "",
    "  ",
    "{}",
    '"[]"',
    "[1",
    '["a',
    "[1,]",
    "[,1]",
    "[,]",
    "[1]]",
    "[1] x",
    "[1}",
    "[{]}]",
    "[1 2]",
  ];
  for (const text of bad) {
    await assert.rejects(
      read(text),
      (e) => e instanceof BadInput && /must be a JSON array/.test(e.message),
      text,
    );
  }
  await assert.rejects(Array.fromAsync(readJsonArray("/nowhere/x.json")), /must exist/);
});
