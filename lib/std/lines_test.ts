import assert from "node:assert/strict";
import { join } from "node:path";
import { readLines } from "./lines.ts";
import { inTemp } from "./test_support.ts";

Deno.test("readLines() gives the same lines, whatever the size of its blocks", () =>
  inTemp(async (dir) => {
    const path = join(dir, "text");
    const whole = "é\n\nlonger than a block: 語語語語語語\r\n😀\n";
    for (const rest of ["", "t", "torn 語"]) {
      await Deno.writeTextFile(path, whole + rest);
      for (const blockBytes of [1, 2, 3, 7, 64, 1 << 20]) {
        const lines: [string, number][] = [];
        const read = await readLines(path, (line, number) => lines.push([line, number]), blockBytes);
        assert.deepEqual(lines, whole.split("\n").slice(0, -1).map((line, i) => [line, i + 1]));
        assert.deepEqual(read, { wholeBytes: new TextEncoder().encode(whole).length, rest });
      }
    }
    await Deno.writeTextFile(path, "");
    assert.deepEqual(await readLines(path, assert.fail), { wholeBytes: 0, rest: "" });
    await assert.rejects(readLines(join(dir, "none"), () => {}), Deno.errors.NotFound);
  }));
