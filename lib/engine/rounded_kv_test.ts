import assert from "node:assert/strict";
import { kvScalesOf, RoundedKv } from "./rounded_kv.ts";

const HEADS = 2, CONTEXT = 4, DIM = 2;

/** One layer whose keys and values have steps 1 and 0.5 in the channels of the first head, 2 in the second's. */
function layer(slots: number) {
  const length = HEADS * CONTEXT * DIM, shape = [HEADS, CONTEXT, DIM] as const;
  const range = () => new BigUint64Array();
  const floats = {
    shapes: [shape, shape],
    arrays: [new Float32Array(length), new Float32Array(length)],
    range,
  };
  const bytes = [new Int8Array(slots * length), new Int8Array(slots * length)];
  const codes = { shapes: [shape, shape], arrays: bytes, range };
  const steps = [[1, 0.5, 2, 2]], kv = new RoundedKv(codes, floats, { key: steps, value: steps });
  /** Runs a chunk that writes a value into each channel of its positions; gives what it found before them. */
  const run = (slot: number, start: number, values: number[]) =>
    kv.chunk(slot, start, values.length, () => {
      const found = at(floats.arrays[0], 0, start);
      for (const data of floats.arrays) {
        for (let head = 0; head < HEADS; head++) {
          for (const [i, value] of values.entries()) data.fill(value, ...span(0, head, start + i));
        }
      }
      return Promise.resolve(found);
    });
  const at = (data: Float32Array | Int8Array, slot: number, count: number) =>
    Array.from(
      { length: HEADS },
      (_, head) => Array.from({ length: count }, (_, p) => [...data.subarray(...span(slot, head, p))]),
    );
  return { kv, run, floats: floats.arrays, codes: bytes, at };
}

/** Where a position of a head lies. */
function span(slot: number, head: number, position: number): [number, number] {
  const from = ((slot * HEADS + head) * CONTEXT + position) * DIM;
  return [from, from + DIM];
}

Deno.test("RoundedKv rounds a chunk to its slot's codes and in place, and cuts off what they do not reach", async () => {
  const { run, floats, codes, at } = layer(2);
  await run(1, 0, [3.3, -1000]);
  for (const k of [0, 1]) {
    assert.deepEqual(at(codes[k], 1, 2), [[[3, 7], [-128, -128]], [[2, 2], [-128, -128]]]);
    assert.deepEqual(at(floats[k], 0, 2), [[[3, 3.5], [-128, -64]], [[4, 4], [-256, -256]]]);
    assert.ok(at(codes[k], 0, CONTEXT).flat(2).every((code) => code === 0), "another slot");
  }
});

Deno.test("RoundedKv brings a slot's floats back after another's, and after its codes have changed", async () => {
  const { kv, run, codes } = layer(2);
  await run(0, 0, [1]);
  assert.deepEqual(await run(0, 1, [2]), [[[1, 1]], [[0, 0]]]); // half a step is rounded to the even code
  await run(1, 0, [7, 9]);
  assert.deepEqual(await run(0, 2, [5]), [[[1, 1], [2, 2]], [[0, 0], [2, 2]]]);
  codes[0].fill(4, ...span(0, 0, 1)); // as a copy of another slot's KV does
  kv.changed(0, 1);
  assert.deepEqual(await run(0, 2, [5]), [[[1, 1], [4, 2]], [[0, 0], [2, 2]]]);
  kv.changed(1, 0); // another slot: nothing to do
  assert.deepEqual(await run(0, 1, [6]), [[[1, 1]], [[0, 0]]]); // from the middle
});

Deno.test("kvScalesOf() reaches a quarter beyond the largest of each channel, over the positions that there are", () => {
  const { floats } = layer(1), [key, value] = floats;
  const arrays = [key, value], shapes = [[HEADS, CONTEXT, DIM], [HEADS, CONTEXT, DIM]] as const;
  key.set([-4, 1, 2, 3], span(0, 0, 0)[0]);
  key.set([100, 100], span(0, 0, 2)[0]);
  value.set([8, -16], span(0, 1, 1)[0]);
  const scales = kvScalesOf({ arrays, shapes, range: () => new BigUint64Array() }, 2);
  const step = (largest: number) => Math.fround(1.25 * largest / 127);
  assert.deepEqual(scales, {
    key: [[step(4), step(3), step(1e-6), step(1e-6)]],
    value: [[step(1e-6), step(1e-6), step(8), step(16)]],
  });
});
