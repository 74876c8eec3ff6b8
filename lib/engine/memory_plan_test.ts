import assert from "node:assert/strict";
import type { VariantManifest } from "../compress/variant.ts";
import { BadInput } from "../std/errors.ts";
import { type MemoryRequest, planMemory, tokenBytes } from "./memory_plan.ts";

/** 100 MB of weights, 2 layers of 2 heads of 64: 2,048 bytes of KV a token. */
const manifest = {
  model: "m",
  variant: "med",
  form: "blocks",
  bytes: 100e6,
  contextLength: 8192,
  layers: Array(2).fill({ kvHeads: 2, headDim: 64, window: null }),
} as unknown as VariantManifest;

const plan = (request: MemoryRequest, available: number | null = 1e9) =>
  planMemory(manifest, request, available);

Deno.test("planMemory() gives 16 slots of 4,096 tokens where they fit, and what is asked for", () => {
  assert.deepEqual(plan({}), {
    slots: 16,
    context: 4096,
    weightBytes: 175e6,
    slotBytes: 4096 * 2048,
    kvBudget: 0.75 * 825e6,
  });
  const { slots, context } = plan({ slots: 3, context: 100 });
  assert.deepEqual([slots, context], [3, 100]);
  assert.equal(planMemory({ ...manifest, contextLength: 1000 }, {}, 1e9).context, 1000);
});

Deno.test("planMemory() makes fewer slots of a small budget, then shorter ones", () => {
  const of = (request: MemoryRequest, available?: number) => {
    const { slots, context } = plan(request, available);
    return [slots, context];
  };
  assert.deepEqual(of({ kvMemory: 5 * 4096 * 2048 }), [5, 4096]);
  assert.deepEqual(of({ kvMemory: 5 * 4096 * 2048 - 1 }), [4, 4096]);
  assert.deepEqual(of({ kvMemory: 1000 * 2048 }), [1, 896]); // whole chunks of 128
  assert.deepEqual(of({ kvMemory: 1000 * 2048, context: 100 }), [10, 100]);
  assert.deepEqual(of({ kvMemory: 1000 * 2048, slots: 3 }), [3, 256]);
  assert.deepEqual(of({}, 175e6 + 4 * 4096 * 2048), [3, 4096]); // 3/4 of what is left
  assert.deepEqual(of({ kvShare: 0.25 }, 175e6 + 4 * 4096 * 2048), [1, 4096]);
});

Deno.test("planMemory() refuses what does not fit, with the figures", () => {
  const refused: [MemoryRequest, number, RegExp][] = [
    [
      {},
      170e6,
      /^Cannot load m med as it must fit the free memory: the weights take 175 MB, a token 2.0 KB of KV, and 170 MB are free$/,
    ],
    [{ kvMemory: 900e6 }, 1e9, /^Cannot give the KV cache 900 MB as it must fit beside the weights: /],
    [
      { slots: 16, context: 8192, kvMemory: 200e6 },
      1e9,
      /^Cannot make 16 slots of 8192 tokens as .* cache's 200 MB/,
    ],
    [{ context: 8192, kvMemory: 10e6 }, 1e9, /^Cannot make 1 slot of 8192 tokens/],
    [{ slots: 50, kvMemory: 10e6 }, 1e9, /^Cannot make 50 slots of 128 tokens/],
    [{}, 175e6 + 300e3, /^Cannot make 1 slot of 128 tokens/],
  ];
  for (const [request, available, message] of refused) {
    assert.throws(
      () => plan(request, available),
      (e) => e instanceof BadInput && message.test(e.message) && !e.message.includes("\n"),
    );
  }
});

Deno.test("planMemory() counts base at the 32 bits that it is computed in, and a device's memory not at all", () => {
  assert.equal(planMemory({ ...manifest, variant: "base" }, {}, 1e9).weightBytes, 250e6);
  const { slots, kvBudget } = plan({ slots: 1000 }, null);
  assert.deepEqual([slots, kvBudget], [1000, null]);
  assert.throws(() => plan({ slots: 1000, context: 4096, kvMemory: 1e9 }, null), BadInput);
});

Deno.test("planMemory() counts what 8-bit KV needs: a byte for four, weights twice and a slot of floats", () => {
  const kv8 = { ...manifest, form: "blocks-kv8" } as VariantManifest;
  assert.equal(tokenBytes(kv8), 512);
  assert.deepEqual(planMemory(kv8, { kvMemory: 20 * 4096 * 512 }, 1e9), {
    slots: 16,
    context: 4096,
    weightBytes: 350e6,
    slotBytes: 4096 * 512,
    kvBudget: 20 * 4096 * 512,
  });
  assert.equal(planMemory(kv8, { kvMemory: 20 * 4096 * 512 - 1 }, 1e9).slots, 15);
});

Deno.test("tokenBytes() follows what an export keeps", () => {
  const layout = (kvType: string, inPlace: boolean) =>
    tokenBytes({ ...manifest, export: { kvType, inPlace } } as VariantManifest);
  assert.equal(tokenBytes(manifest), 2048);
  assert.deepEqual([layout("float16", true), layout("float", true), layout("float", false)], [
    1024,
    2048,
    4096,
  ]);
});
