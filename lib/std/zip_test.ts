import assert from "node:assert/strict";
import { join } from "node:path";
import { zipSync } from "fflate";
import { BadInput } from "./errors.ts";
import { readZip } from "./zip.ts";

const text = (s: string) => new TextEncoder().encode(s);
const long = "all work and no play ".repeat(200_000);

async function withZip(bytes: Uint8Array, run: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "a.zip");
    await Deno.writeFile(path, bytes);
    await run(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readZip() lists entries and unpacks them, packed and stored", async () => {
  const bytes = zipSync({
    "a/long.txt": [text(long), { level: 6 }],
    "stored.txt": [text("plain"), { level: 0 }],
    "empty": [text(""), {}],
  }, { comment: "PK\u0005\u0006 begins what looks like an end record" });
  await withZip(bytes, async (path) => {
    const entries = await readZip(path);
    assert.deepEqual(entries.map((e) => [e.name, e.size]), [["a/long.txt", long.length], ["stored.txt", 5], [
      "empty",
      0,
    ]]);
    const contents = await Promise.all(entries.map((e) => new Response(e.stream()).text()));
    assert.deepEqual(contents, [long, "plain", ""]);
  });
});

Deno.test("readZip() refuses what is not a zip file, and a stream fails on a cut one", async () => {
  await withZip(text("not a zip file"), (path) => assert.rejects(readZip(path), BadInput));
  const bytes = zipSync({ "stored.txt": [text(long), { level: 0 }] });
  const cut = bytes.slice();
  // The entry's sizes in the table of contents grow past the end of the file.
  const table = cut.length - 22 - 46 - "stored.txt".length;
  new DataView(cut.buffer).setUint32(table + 20, long.length * 2, true);
  await withZip(cut, async (path) => {
    const [entry] = await readZip(path);
    await assert.rejects(new Response(entry.stream()).text(), BadInput);
  });
});
