/**
 * Keys and values of all layers: one array [slots, kvHeads, context, headDim] each, in the memory of the session's
 * device, which runs update in place.
 *
 * A run covers neighbouring slots, and a tensor over them begins within the array. WebGPU's buffers have no such
 * parts: there a decode covers the slots from the first on, and a prompt of another slot runs in buffers of its own,
 * which copies on the device fill and bring back.
 */
import { join } from "node:path";
import { OnnxFile } from "../compress/onnx_file.ts";
import type { VariantManifest } from "../compress/variant.ts";
import { DeviceArray, OrtSession, OrtTensor } from "./ort.ts";

export interface KvLayout {
  layers: VariantManifest["layers"];
  slots: number;
  context: number;
  /** Default `float`. */
  type?: keyof typeof KV_ARRAYS;
}

const KV_ARRAYS = { float: Float32Array, float16: Float16Array, int8: Int8Array };

export class KvCache {
  readonly slots: number;
  /** Whether a range may begin at any slot. */
  readonly hasParts: boolean;
  readonly shapes: readonly (readonly [kvHeads: number, context: number, headDim: number])[];
  /** Key and value of each layer. */
  readonly arrays: readonly ReturnType<OrtSession["array"]>[];
  readonly #ranges = new Map<number, { tensors: OrtTensor[]; handles: BigUint64Array }>();
  #copies: SlotCopies | null = null;

  private constructor(session: OrtSession, { layers, slots, context, type = "float" }: KvLayout) {
    this.slots = slots;
    this.hasParts = session.device !== "webgpu";
    this.shapes = layers.flatMap(({ kvHeads, headDim }): [number, number, number][] => [
      [kvHeads, context, headDim],
      [kvHeads, context, headDim],
    ]);
    this.arrays = this.shapes.map(([heads, context, dim]) =>
      session.array(KV_ARRAYS[type], slots * heads * context * dim)
    );
  }

  static async create(session: OrtSession, layout: KvLayout): Promise<KvCache> {
    const cache = new KvCache(session, layout);
    if (!cache.hasParts && layout.slots > 1) {
      cache.#copies = await SlotCopies.create(session, cache.shapes, layout.type === "float16");
    }
    return cache;
  }

  /** Addresses of the tensors over slots [first, first + count): key and value of each layer. */
  range(first: number, count: number): BigUint64Array {
    const key = first * this.slots + count - 1;
    let range = this.#ranges.get(key);
    if (range === undefined) {
      const tensors = this.arrays.map((data, i) => {
        const [heads, context, dim] = this.shapes[i];
        return new OrtTensor(data, [count, heads, context, dim], first * heads * context * dim);
      });
      range = { tensors, handles: BigUint64Array.from(tensors, (t) => t.handle) };
      this.#ranges.set(key, range);
    }
    return range.handles;
  }

  /**
   * Runs a prompt's chunk over the tensors of its slot.
   * @param start positions that the slot holds
   */
  async chunk<T>(slot: number, start: number, run: (kv: BigUint64Array) => Promise<T>): Promise<T> {
    if (this.hasParts || slot === 0) return await run(this.range(slot, 1));
    const copies = this.#copies!, all = this.range(0, this.slots);
    if (start > 0) await copies.take(all, slot);
    const result = await run(copies.one);
    await copies.put(all, slot);
    return result;
  }

  /** Whether the memory is one that `copy` reaches. */
  get canCopy(): boolean {
    return !this.arrays.some((data) => data instanceof DeviceArray);
  }

  /** Copies positions [start, end) of a slot to another one. */
  copy(from: number, to: number, start: number, end: number): void {
    for (const [i, data] of this.arrays.entries()) {
      const [heads, context, dim] = this.shapes[i];
      for (let head = 0; head < heads; head++) {
        const at = (slot: number, position: number) => ((slot * heads + head) * context + position) * dim;
        (data as Float32Array).copyWithin(at(to, start), at(from, start), at(from, end));
      }
    }
  }

  /** To be called before the session is closed. */
  release(): void {
    for (const { tensors } of this.#ranges.values()) for (const tensor of tensors) tensor.release();
    this.#ranges.clear();
    this.#copies?.close();
  }
}

/** One slot's keys and values in buffers of their own, and graphs that copy them from and to those of all slots. */
class SlotCopies {
  /** Addresses of the tensors of one slot. */
  readonly one: BigUint64Array;
  readonly #tensors: OrtTensor[];
  readonly #slot = new Int32Array(new ArrayBuffer(128), 0, 1);
  readonly #slotTensor = new OrtTensor(this.#slot, [1]);

  private constructor(
    readonly taking: OrtSession,
    readonly putting: OrtSession,
    session: OrtSession,
    shapes: readonly (readonly number[])[],
    half: boolean,
  ) {
    this.#tensors = shapes.map((shape) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return new OrtTensor(session.array(half ? Float16Array : Float32Array, length), [1, ...shape]);
    });
    this.one = BigUint64Array.from(this.#tensors, (t) => t.handle);
  }

  static async create(
    session: OrtSession,
    shapes: readonly (readonly number[])[],
    half: boolean,
  ): Promise<SlotCopies> {
    const { device } = session, type = half ? "float16" : "float";
    const names = (kind: string) => shapes.map((_, i) => `${kind}.${i}`);
    const load = async (
      inputs: string[],
      outputs: string[],
      write: (file: OnnxFile) => void | Promise<void>,
    ) => {
      const folder = await Deno.makeTempDir();
      try {
        const file = await OnnxFile.create(join(folder, "copy.onnx"));
        file.input("slot", "int32", [1]);
        await write(file);
        await file.finish();
        return await OrtSession.create(file.path, ["slot", ...inputs], outputs, { device });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    };
    const [all, one, result] = ["all", "one", "result"].map(names);
    const taking = await load(all, result, (file) => {
      for (const [i, shape] of shapes.entries()) {
        file.input(all[i], type, ["slots", ...shape]);
        file.node("Gather", [all[i], "slot"], { axis: 0 }, { outputs: [result[i]] });
        file.output(result[i], type, [1, ...shape]);
      }
    });
    const putting = await load([...all, ...one], result, async (file) => {
      for (const [i, shape] of shapes.entries()) {
        file.input(all[i], type, ["slots", ...shape]);
        file.input(one[i], type, [1, ...shape]);
        const to = await file.weight(`${i}.shape`, "int64", [4], BigInt64Array.from([1, ...shape], BigInt));
        file.node("ScatterElements", [all[i], file.node("Expand", ["slot", to]), one[i]], { axis: 0 }, {
          outputs: [result[i]],
        });
        file.output(result[i], type, ["slots", ...shape]);
      }
    });
    return new SlotCopies(taking, putting, session, shapes, half);
  }

  /** Copies a slot of all to the one. */
  async take(all: BigUint64Array, slot: number): Promise<void> {
    this.#slot[0] = slot;
    this.taking.inputs.set([this.#slotTensor.handle, ...all]);
    this.taking.outputs.set(this.one);
    await this.taking.run();
  }

  /** Copies the one to a slot of all, in place. */
  async put(all: BigUint64Array, slot: number): Promise<void> {
    this.#slot[0] = slot;
    this.putting.inputs.set([this.#slotTensor.handle, ...all, ...this.one]);
    this.putting.outputs.set(all);
    await this.putting.run();
  }

  close(): void {
    for (const tensor of [this.#slotTensor, ...this.#tensors]) tensor.release();
    this.taking.close();
    this.putting.close();
  }
}
