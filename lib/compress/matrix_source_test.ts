import assert from "node:assert/strict";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { biasOf, matrixOf, normWeight, rowBlocks, stack } from "./matrix_source.ts";

/** A checkpoint of one matrix [4, 3], `w[r][c]` = 10 r + c, and a vector. */
const ROWS = [[0, 1, 2], [10, 11, 12], [20, 21, 22], [30, 31, 32]];
const VECTOR = [1, 2, 3, 4];
const checkpoint = {
  tensors: new Map([["w", { name: "w", shape: [4, 3], type: "F32", bytes: 48 }]]),
  readRows: (name: string, start: number, count: number) =>
    Promise.resolve(
      Float32Array.from(
        name === "w" ? ROWS.slice(start, start + count).flat() : VECTOR.slice(start, start + count),
      ),
    ),
} as Partial<Checkpoint> as Checkpoint;

Deno.test("matrixOf() reads rows, also of a part of a fused tensor", async () => {
  const whole = matrixOf(checkpoint, { tensor: "w", rows: 4, cols: 3 });
  assert.deepEqual([...await whole.read(1, 2)], [10, 11, 12, 20, 21, 22]);
  const part = matrixOf(checkpoint, { tensor: "w", rows: 2, cols: 3, rowStart: 2 });
  assert.deepEqual([...await part.read(1, 1)], [30, 31, 32]);
  assert.notEqual(part.name, whole.name);
});

Deno.test("matrixOf() turns what is stored [in, out]", async () => {
  const whole = matrixOf(checkpoint, { tensor: "w", rows: 3, cols: 4, transposed: true });
  assert.deepEqual([...await whole.read(0, 3)], [0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32]);
  assert.deepEqual([...await whole.read(2, 1)], [2, 12, 22, 32]);
  const part = matrixOf(checkpoint, { tensor: "w", rows: 2, cols: 4, rowStart: 1, transposed: true });
  assert.deepEqual([...await part.read(1, 1)], [2, 12, 22, 32]);
});

Deno.test("stack() reads across its parts", async () => {
  const parts = [[0, 1], [1, 2], [3, 1]].map(([rowStart, rows]) =>
    matrixOf(checkpoint, { tensor: "w", rows, cols: 3, rowStart })
  );
  const all = stack("all", parts);
  assert.deepEqual([all.rows, all.cols], [4, 3]);
  for (let start = 0; start < 4; start++) {
    for (let count = 1; start + count <= 4; count++) {
      assert.deepEqual([...await all.read(start, count)], ROWS.slice(start, start + count).flat());
    }
  }
});

Deno.test("rowBlocks() gives every row once", async () => {
  const read: [number, number][] = [];
  const source = {
    name: "wide",
    rows: 5,
    cols: 1 << 20,
    read: (start: number, count: number) => {
      read.push([start, count]);
      return Promise.resolve(new Float32Array(0));
    },
  };
  for await (const _ of rowBlocks(source));
  assert.deepEqual(read, [[0, 2], [2, 2], [4, 1]]);
});

Deno.test("biasOf() and normWeight() read their part and add the norm's offset", async () => {
  const spec = { tensor: "w", rows: 2, cols: 3, bias: "b", biasStart: 1 };
  assert.deepEqual(await biasOf(checkpoint, spec), Float32Array.of(2, 3));
  assert.equal(await biasOf(checkpoint, { ...spec, bias: undefined }), null);
  const norm = { kind: "rms", tensor: "v", eps: 1e-5 } as const;
  assert.deepEqual(await normWeight(checkpoint, { ...norm, offset: 1 }, 4), Float32Array.of(2, 3, 4, 5));
  assert.deepEqual(await normWeight(checkpoint, { ...norm, offset: 0 }, 4), Float32Array.of(1, 2, 3, 4));
});
