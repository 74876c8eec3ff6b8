/** What every device's KV cache must do: for tests, over a graph of one attention. */
import assert from "node:assert/strict";
import { openAttention } from "../attention_probe.ts";
import { KvCache } from "../kv_cache.ts";
import { type Device, offHeap, OrtTensor } from "../ort.ts";

const HEAD = 16, CONTEXT = 24, SLOTS = 4;

/**
 * Writes chunks and rows into slots by turns. With keys of zeros attention gives the mean of a slot's values, so each
 * run shows what its slots hold.
 */
export async function assertKvCacheKeepsSlotsApart(device: Device, half = false): Promise<void> {
  const session = await openAttention(device, HEAD, half);
  const layers = [{ kvHeads: 1, headDim: HEAD, window: null }];
  const cache = await KvCache.create(session, {
    layers,
    slots: SLOTS,
    context: CONTEXT,
    type: half ? "float16" : "float",
  });
  /** The values that each slot was given. */
  const held: number[][] = Array.from({ length: SLOTS }, () => []);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

  /** Runs rows of values, each repeated over the head; gives what comes out of the last of each. */
  const run = async (kv: BigUint64Array, rows: readonly (readonly number[])[], past: readonly number[]) => {
    const [batch, length] = [rows.length, rows[0].length], shape = [batch, length, HEAD];
    const floats = () => {
      const size = batch * length * HEAD;
      return half ? offHeap<Float16Array<ArrayBuffer>>(Float16Array, size) : offHeap(Float32Array, size);
    };
    const zeros = floats(), values = floats(), attended = floats();
    rows.flat().forEach((value, i) => values.fill(value, i * HEAD, (i + 1) * HEAD));
    const seqlens = offHeap(Int32Array, batch), total = offHeap(Int32Array, 1);
    past.forEach((p, b) => seqlens[b] = p + length - 1);
    total[0] = Math.max(...seqlens) + 1;
    const tensors = [
      ...[zeros, zeros, values, attended].map((data) => new OrtTensor(data, shape)),
      new OrtTensor(seqlens, [batch]),
      new OrtTensor(total, []),
    ];
    const [query, key, value, out, lengths, longest] = tensors.map((t) => t.handle);
    session.inputs.set([query, key, value, lengths, longest, ...kv]);
    session.outputs.set([out, ...kv]);
    await session.run();
    for (const tensor of tensors) tensor.release();
    return rows.map((_, b) => Number(attended[((b + 1) * length - 1) * HEAD]));
  };
  const near = (found: number, slot: number) => {
    const expected = mean(held[slot]);
    assert.ok(
      Math.abs(found - expected) <= (half ? 1e-2 : 1e-5) * Math.max(1, Math.abs(expected)),
      `slot ${slot} gives ${found} instead of ${expected} on ${device}`,
    );
  };
  const chunk = async (slot: number, values: readonly number[]) => {
    const start = held[slot].length;
    held[slot].push(...values);
    const [found] = await cache.chunk(slot, start, (kv) => run(kv, [values], [start]));
    near(found, slot);
  };
  /** One value in each of the slots [first, last]. */
  const decode = async (first: number, last: number, salt: number) => {
    const slots = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const past = slots.map((slot) => held[slot].length), rows = slots.map((slot) => [salt + slot]);
    for (const slot of slots) held[slot].push(salt + slot);
    const found = await run(cache.range(first, slots.length), rows, past);
    slots.forEach((slot, i) => near(found[i], slot));
  };
  try {
    await chunk(2, [3, 5, 1]);
    await chunk(0, [7, 2]);
    await chunk(3, [4, 4, 9, 1, 8]);
    await chunk(1, [6, 0]);
    await decode(0, 3, 10);
    await chunk(2, [2, 2, 30]); // beside what the others hold
    await decode(0, 3, -5);
    if (cache.hasParts) await decode(1, 2, 3);
    held[1] = []; // a new request in a slot that was used
    await chunk(1, [1, 9, 1]);
    await decode(0, 2, 2);
    await decode(0, 3, 1);
  } finally {
    cache.release();
    session.close();
  }
}
