import assert from "node:assert/strict";
import { formatBytes, parseBytes } from "./bytes.ts";
import { BadInput } from "./errors.ts";

Deno.test("parseBytes() reads decimal and binary units", () => {
  const amounts = ["2GB", "1.5 GiB", "800mb", "64KiB", "7B"].map((text) => parseBytes(text, "it"));
  assert.deepEqual(amounts, [2e9, 1.5 * 2 ** 30, 8e8, 65536, 7]);
});

Deno.test("parseBytes() refuses what is no amount", () => {
  for (const text of ["", "2", "GB", "-1GB", "2GB and more", "0GB", "0.1B", "2QB"]) {
    assert.throws(
      () => parseBytes(text, "--kv-memory"),
      (e) => e instanceof BadInput && /^Cannot use --kv-memory as it must be an amount/.test(e.message),
    );
  }
});

Deno.test("formatBytes() writes KB, MB and GB", () => {
  assert.deepEqual([46_080, 5e6, 999e6, 2.5e9].map(formatBytes), ["46.1 KB", "5 MB", "999 MB", "2.50 GB"]);
});
