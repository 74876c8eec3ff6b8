import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import { Rotation } from "./rotation.ts";

for (const size of [16, 12, 72, 7]) {
  Deno.test(`a rotation of ${size} values keeps lengths and angles`, () => {
    const matrix = new Rotation(size, 3).matrix();
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let product = 0;
        for (let k = 0; k < size; k++) product += matrix[i * size + k] * matrix[j * size + k];
        assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-5, `${i} and ${j}: ${product}`);
      }
    }
  });
}

Deno.test("a rotation spreads a large value over all", () => {
  const x = new Float32Array(64);
  x[5] = 8;
  new Rotation(64).apply(x);
  assert.ok(x.every((value) => Math.abs(Math.abs(value) - 1) < 1e-6));
});

Deno.test("apply() along the middle does to each column what it does to a row", () => {
  const size = 24, inner = 5, random = createRandom(1), rotation = new Rotation(size, 2);
  const data = Float32Array.from({ length: 2 * size * inner }, () => random.float());
  const expected = data.slice();
  for (let outer = 0; outer < 2; outer++) {
    for (let k = 0; k < inner; k++) {
      const at = (i: number) => (outer * size + i) * inner + k;
      const column = Float32Array.from({ length: size }, (_, i) => data[at(i)]);
      rotation.apply(column);
      column.forEach((value, i) => expected[at(i)] = value);
    }
  }
  rotation.apply(data, inner);
  data.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6));
});
