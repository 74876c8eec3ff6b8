/**
 * Runs an ONNX export of the hub: a graph that others built, its weights as they are.
 *
 * Where all attention is GroupQueryAttention, past and present are one buffer with a region a slot, as for built
 * variants. Elsewhere a run appends: present is past with the new positions behind it, so two buffers take turns.
 * Where a result would depend on the rest of its batch there is one slot.
 */
import { join } from "node:path";
import type { ExportLayout, VariantManifest } from "../compress/variant.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { offHeap, OrtSession, OrtTensor } from "./ort.ts";
import type { OrtRunnerOptions } from "./ort_runner.ts";
import type { LogitRows, StepRow, StepRunner } from "./runner.ts";

type Floats = Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer>;

export class ExportRunner implements StepRunner {
  readonly manifest: VariantManifest;
  readonly slots: number;
  readonly context: number;
  readonly chunk: number;
  readonly vocabSize: number;
  readonly beginsAnywhere = true;
  readonly #layout: ExportLayout;
  readonly #session: OrtSession;
  /** int64 [rows] of each of the layout's inputs, and their low halves, which are all that is written. */
  readonly #feeds: Record<string, BigInt64Array<ArrayBuffer>> = {};
  readonly #ids: Int32Array;
  readonly #positions: Int32Array;
  readonly #mask: Int32Array;
  readonly #logits: Floats;
  readonly #float32: Float32Array;
  /** Key and value of each layer: one buffer [slots, heads, context, size], or two [heads, positions, size]. */
  readonly #kv: { heads: number; size: number; buffers: Floats[] }[];
  /** Positions in an appending cache. */
  #length = 0;

  private constructor(
    manifest: VariantManifest,
    layout: ExportLayout,
    session: OrtSession,
    { slots, context, chunk }: { slots: number; context: number; chunk: number },
  ) {
    this.manifest = manifest;
    this.slots = slots;
    this.context = context;
    this.chunk = chunk;
    this.vocabSize = manifest.vocabSize;
    this.#layout = layout;
    this.#session = session;
    const rows = Math.max(slots, chunk + 1);
    const feed = (name: string, length: number) =>
      new Int32Array((this.#feeds[name] = offHeap(BigInt64Array, length)).buffer);
    this.#ids = feed("input_ids", rows);
    this.#positions = feed("position_ids", rows);
    this.#mask = feed("attention_mask", slots * context);
    feed("num_logits_to_keep", 1); // stays 0: all are kept
    this.#logits = floats(layout.logitsType, rows * this.vocabSize);
    this.#float32 = this.#logits instanceof Float32Array
      ? this.#logits
      : new Float32Array(rows * this.vocabSize);
    this.#kv = manifest.layers.flatMap(({ kvHeads: heads, headDim: size }) =>
      ["key", "value"].map(() => ({
        heads,
        size,
        buffers: Array.from(
          { length: layout.inPlace ? 1 : 2 },
          () => floats(layout.kvType, slots * heads * context * size),
        ),
      }))
    );
  }

  /**
   * Loads the folder that `writeExportFolder` made; more slots than the graph allows become one.
   * @throws {BadInput} where the device is not there, or the context is not the model's.
   */
  static async create(folder: string, options: OrtRunnerOptions = {}): Promise<ExportRunner> {
    const manifest = await readJson<VariantManifest>(join(folder, "variant.json"));
    const layout = manifest.export!;
    const { chunk = 128, context = Math.min(manifest.contextLength, 4096) } = options;
    const slots = layout.batchDependence === null ? options.slots ?? 16 : 1;
    if (!(slots >= 1 && context >= 2 && context <= manifest.contextLength && chunk >= 2)) {
      throw new BadInput(
        `Cannot start an engine as it must have a slot, a chunk of at least 2 and a context of 2 to ` +
          `${manifest.contextLength}: they are ${slots}, ${chunk} and ${context}`,
      );
    }
    const kv = manifest.layers.flatMap((_, l) => [`${l}.key`, `${l}.value`]);
    const session = await OrtSession.create(
      layout.path,
      [...layout.inputs, ...kv.map((name) => `past_key_values.${name}`)],
      ["logits", ...kv.map((name) => `present.${name}`)],
      options,
    );
    return new ExportRunner(manifest, layout, session, { slots, context, chunk });
  }

  async prefill(slot: number, ids: readonly number[], start: number, rows: LogitRows): Promise<Float32Array> {
    const length = ids.length;
    if (length === 0 || length > this.chunk + 1 || start + length > this.context) {
      throw new RangeError(
        `Cannot run positions ${start} to ${start + length} as at most ${this.chunk + 1} must fit ` +
          `the ${this.context}-token KV slot`,
      );
    }
    for (let i = 0; i < length; i++) {
      this.#ids[2 * i] = ids[i];
      this.#positions[2 * i] = start + i;
    }
    const total = start + length;
    for (let i = 0; i < total; i++) this.#mask[2 * i] = 1;
    await this.#run(slot, 1, length, total);
    const [from, to] = rows === "none" ? [0, 0] : rows === "last" ? [length - 1, length] : rows;
    return this.#rows(Array.from({ length: to - from }, (_, i) => from + i));
  }

  async decode(rows: readonly StepRow[], held: (slot: number) => number): Promise<Float32Array> {
    const least = Math.min(this.#layout.leastBatch, this.slots);
    const first = Math.min(rows[0].slot, this.slots - least);
    const batch = Math.max(least, rows[rows.length - 1].slot - first + 1);
    for (let b = 0, next = 0; b < batch; b++) {
      const active = rows[next]?.slot === first + b;
      // A slot that is not decoding gets a token that lands after what it must keep.
      this.#positions[2 * b] = active ? rows[next].position : held(first + b);
      this.#ids[2 * b] = active ? rows[next++].tokenId : 0;
    }
    let total = 0;
    for (let b = 0; b < batch; b++) total = Math.max(total, this.#positions[2 * b] + 1);
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < total; i++) this.#mask[2 * (b * total + i)] = Number(i <= this.#positions[2 * b]);
    }
    await this.#run(first, batch, 1, total);
    return this.#rows(rows.map((row) => row.slot - first));
  }

  close(): void {
    this.#session.close();
  }

  /** Runs slots [first, first + batch) with `length` tokens each; their longest total is `total`. */
  async #run(first: number, batch: number, length: number, total: number): Promise<void> {
    const { inputs, outputs } = this.#session;
    const { inPlace } = this.#layout;
    const past = total - length;
    if (!inPlace) this.#truncate(past);
    const tensors: OrtTensor[] = [];
    const tensor = (...args: ConstructorParameters<typeof OrtTensor>) => {
      tensors.push(new OrtTensor(...args));
      return tensors[tensors.length - 1].handle;
    };
    try {
      for (const [i, name] of this.#layout.inputs.entries()) {
        const shape = name === "num_logits_to_keep"
          ? []
          : [batch, name === "attention_mask" ? total : length];
        inputs[i] = tensor(this.#feeds[name], shape);
      }
      outputs[0] = tensor(this.#logits, [batch, length, this.vocabSize]);
      for (const [i, { heads, size, buffers: [from, to] }] of this.#kv.entries()) {
        const input = this.#layout.inputs.length + i;
        if (inPlace) {
          const offset = first * heads * this.context * size;
          inputs[input] = outputs[1 + i] = tensor(from, [batch, heads, this.context, size], offset);
        } else {
          inputs[input] = tensor(from, [1, heads, past, size]);
          outputs[1 + i] = tensor(to, [1, heads, total, size]);
        }
      }
      await this.#session.run();
      if (!inPlace) { for (const { buffers } of this.#kv) buffers.reverse(); }
      this.#length = total;
    } finally {
      for (const made of tensors) made.release();
    }
  }

  /** Drops positions behind the first `length` of an appending cache. */
  #truncate(length: number): void {
    if (length > this.#length) {
      throw new RangeError(
        `Cannot run from position ${length} as the cache must hold those before: it has ${this.#length}`,
      );
    }
    if (length === this.#length) return;
    for (const { heads, size, buffers: [data] } of this.#kv) {
      for (let h = 1; h < heads; h++) {
        const from = h * this.#length * size;
        data.copyWithin(h * length * size, from, from + length * size);
      }
    }
    this.#length = length;
  }

  /** Rows of the logits, ascending, moved together: float32 [rows.length, vocab]. */
  #rows(rows: readonly number[]): Float32Array {
    const size = this.vocabSize;
    for (const [i, row] of rows.entries()) {
      if (this.#logits instanceof Float32Array) {
        this.#logits.copyWithin(i * size, row * size, (row + 1) * size);
      } else this.#float32.set(this.#logits.subarray(row * size, (row + 1) * size), i * size);
    }
    return this.#float32.subarray(0, rows.length * size);
  }
}

function floats(type: ExportLayout["kvType"], length: number): Floats {
  return type === "float" ? offHeap(Float32Array, length) : offHeap(Float16Array, length);
}
