import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import type { MatrixSource } from "./matrix_source.ts";
import { chooseSensitive, rateMatrix } from "./sensitivity.ts";

Deno.test("chooseSensitive() takes the most error a byte, and goes on with smaller ones where one doesn't fit", () => {
  const rated = [
    { name: "large", bytes: 100, error: 0.01 },
    { name: "small", bytes: 10, error: 0.01 },
    { name: "worst", bytes: 60, error: 0.09 },
    { name: "exact", bytes: 5, error: 0 },
  ];
  const chosen = (budget: number) => [...chooseSensitive(rated, budget)];
  assert.deepEqual(chosen(1000), ["worst", "small", "large", "exact"]);
  assert.deepEqual(chosen(75), ["worst", "small", "exact"]);
  assert.deepEqual(chosen(59), ["small", "exact"]);
  assert.deepEqual(chosen(0), []);
  assert.deepEqual(chosen(-1), []);
});

Deno.test("rateMatrix() measures the error of 4 bits and the bytes of 8", async () => {
  const random = createRandom(1);
  const weights = Float32Array.from({ length: 200 * 64 }, () => random.float() - 0.5);
  const source: MatrixSource = {
    name: "w",
    rows: 200,
    cols: 64,
    read: (row, count) => Promise.resolve(weights.slice(row * 64, (row + count) * 64)),
  };
  const layouts = [{ bits: 4, block: 32 }, { bits: 8, block: 32 }] as const;
  const { name, bytes, error } = await rateMatrix(source, ...layouts);
  assert.deepEqual([name, bytes], ["w", 200 * (2 * 16 - 1)]); // 16 bytes more a block, without its half byte of zeros
  // Uniform weights on [-s/2, s/2] in steps of s/15: (s^2/15^2/12) / (s^2/12), less what the search gains.
  assert.ok(error > 0.6 / 225 && error < 1 / 225, String(error));
  weights.fill(0);
  assert.equal((await rateMatrix(source, ...layouts)).error, 0);
});
