import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { BadInput } from "./errors.ts";
import { exists, readJson, readJsonl, sha256File, writeAtomic, writeJsonl } from "./files.ts";
import { inTemp } from "./test_support.ts";

Deno.test("writeAtomic() leaves the old file and no other when the write fails", () =>
  inTemp(async (dir) => {
    const path = join(dir, "a");
    await Deno.mkdir(path); // a rename onto a folder fails
    await assert.rejects(writeAtomic(path, "new"));
    assert.deepEqual([...Deno.readDirSync(dir)].map((e) => e.name), ["a"]);
  }));

Deno.test("readJsonl() gives what writeJsonl() wrote, and names a bad line", () =>
  inTemp(async (dir) => {
    const path = join(dir, "deep", "a.jsonl");
    await writeJsonl(path, [{ a: 1 }, { b: "é\n" }]);
    assert.deepEqual(await readJsonl(path), [{ a: 1 }, { b: "é\n" }]);
    for (const bad of ['{"a":1}\nnot json\n', '{"a":1}\n[2]\n', '{"a":1}\n7']) {
      await Deno.writeTextFile(path, bad);
      await assert.rejects(readJsonl(path), (e) => e instanceof BadInput && /line 2/.test(e.message));
    }
  }));

Deno.test("readJson() and readJsonl() say that a file is absent", async () => {
  await assert.rejects(readJson("/nowhere/x.json"), /Cannot read \/nowhere\/x.json as it must exist/);
  await assert.rejects(readJsonl("/nowhere/x.jsonl"), BadInput);
  assert.equal(await exists("/nowhere/x"), false);
});

Deno.test("sha256File() equals the hash of the whole file past one block", () =>
  inTemp(async (dir) => {
    const path = join(dir, "a");
    const bytes = new Uint8Array((1 << 20) + 7).map((_, i) => i * 31);
    await Deno.writeFile(path, bytes);
    assert.equal(await sha256File(path), createHash("sha256").update(bytes).digest("hex"));
  }));
