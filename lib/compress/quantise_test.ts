import assert from "node:assert/strict";
import { createRandom } from "../math/mod.ts";
import { type QuantisedRows, quantiseRows, ROUNDINGS } from "./quantise.ts";

/** What the graph's kernels make of quantised rows, float32 [count * cols]. */
function dequantise(rows: QuantisedRows, cols: number, bits: 4 | 8, block: number): Float32Array {
  const blocks = Math.ceil(cols / block), zero = 1 << bits - 1;
  const out = new Float32Array(rows.scales.length / blocks * cols);
  for (let i = 0; i < out.length; i++) {
    const r = Math.floor(i / cols), c = i % cols;
    const at = r * blocks * block + c;
    const q = bits === 8 ? rows.data[at] : rows.data[at >> 1] >> 4 * (at & 1) & 15;
    const b = Math.floor(c / block);
    const own = rows.zeros ? rows.zeros[r * Math.ceil(blocks / 2) + (b >> 1)] >> 4 * (b & 1) & 15 : zero;
    out[i] = (q - own) * rows.scales[r * blocks + b];
  }
  return out;
}

function normal(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float()) / 32,
  );
}

for (const rounding of ROUNDINGS) {
  Deno.test(`quantiseRows(${rounding}) keeps weights that are multiples of a scale`, () => {
    const eight = Float32Array.from({ length: 256 }, (_, i) => (i - 128) / 64);
    const four = Float32Array.from({ length: 32 }, (_, i) => (i % 16 - 8) * 0.25 * (i < 16 ? 1 : -1));
    for (const [rows, bits, block] of [[eight, 8, 256], [four, 4, 16]] as const) {
      const quantised = quantiseRows(rows, rows.length, { bits, block, rounding });
      assert.deepEqual(dequantise(quantised, rows.length, bits, block), rows);
      assert.equal(quantised.squaredError, 0);
    }
  });

  Deno.test(`quantiseRows(${rounding}) packs the low half first and pads a row's last block with zeros`, () => {
    const row = Float32Array.of(-8, 7, 0, ...Array(13).fill(1), 3, -8, -8);
    const { data, scales } = quantiseRows(row, row.length, { bits: 4, block: 16, rounding });
    assert.deepEqual([...scales], [1, 1]);
    assert.deepEqual([...data], [0xf0, 0x98, ...Array(6).fill(0x99), 0x0b, 0x80, ...Array(6).fill(0x88)]);
    const padded = quantiseRows(Float32Array.of(-128, 127), 2, { bits: 8, block: 4, rounding });
    assert.deepEqual([...padded.data], [0, 255, 128, 128]);
  });

  Deno.test(`quantiseRows(${rounding}) gives a block of zeros the scale 0`, () => {
    const { data, scales, squaredWeight } = quantiseRows(new Float32Array(32), 32, {
      bits: 4,
      block: 32,
      rounding,
    });
    assert.equal(Math.abs(scales[0]), 0);
    assert.deepEqual([[...new Set(data)], squaredWeight], [[0x88], 0]);
  });

  for (const weight of [NaN, Infinity]) {
    Deno.test(`quantiseRows(${rounding}) refuses ${weight}`, () => {
      const rows = normal(64, 1);
      rows[40] = weight;
      assert.throws(
        () => quantiseRows(rows, 32, { bits: 4, block: 32, rounding }),
        /must be finite: one is not/,
      );
    });
  }

  Deno.test(`quantiseRows(${rounding}) says the error that its numbers have`, () => {
    const rows = normal(4 * 96, 2);
    for (const bits of [4, 8] as const) {
      const quantised = quantiseRows(rows, 96, { bits, block: 32, rounding });
      const back = dequantise(quantised, 96, bits, 32);
      const error = rows.reduce((sum, w, i) => sum + (w - back[i]) ** 2, 0);
      assert.ok(Math.abs(quantised.squaredError - error) < 1e-6 * error);
      assert.ok(error > 0);
    }
  });
}

Deno.test("quantiseRows(fit) is never worse than nearest, block by block, and better on the whole", () => {
  for (const [bits, gain] of [[4, 0.95], [8, 1]] as const) {
    let fitted = 0, nearest = 0;
    for (let seed = 0; seed < 200; seed++) {
      const row = normal(32, seed);
      if (seed % 4 === 0) row[seed % 32] *= 8; // an outlier
      const [a, b] = ROUNDINGS.map((rounding) =>
        quantiseRows(row, 32, { bits, block: 32, rounding }).squaredError
      );
      assert.ok(b <= a * (1 + 1e-6), `seed ${seed}, ${bits} bits: ${b} > ${a}`);
      nearest += a;
      fitted += b;
    }
    assert.ok(fitted < gain * nearest, `${bits} bits: ${fitted} of ${nearest}`);
  }
});
