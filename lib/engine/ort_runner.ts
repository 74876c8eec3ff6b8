/**
 * Runs a built variant: one ONNX graph whose KV cache is ours, updated in place, one region a slot.
 *
 * A run covers neighbouring slots [first, first + B): decoding takes the lowest to the highest slot in use with
 * one token each, a prompt's chunk takes one slot. The OrtValues of each such range are made once and kept.
 */
import { join } from "node:path";
import { type KvScales, matricesOfKv8, type VariantManifest } from "../compress/variant.ts";
import { graphFile, SHALLOW_LAYERS } from "../compress/build.ts";
import { BadInput, messageOf } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { longestChunk } from "./attention_probe.ts";
import { exactCodes } from "./codes.ts";
import { KvCache } from "./kv_cache.ts";
import { offHeap, OrtSession, OrtTensor, type SessionOptions } from "./ort.ts";
import { kvScalesOf, RoundedKv } from "./rounded_kv.ts";
import type { LogitRows, StepRow, StepRunner } from "./runner.ts";

export interface OrtRunnerOptions extends SessionOptions {
  /** A form whose graph is there (default: that of `model.onnx`). */
  form?: VariantManifest["form"];
  /** Runs the first layers alone, for timing. */
  shallow?: boolean;
  /** Requests that run at once (default 16). */
  slots?: number;
  /** KV positions of a slot (default: the smaller of the model's and 4,096). */
  context?: number;
  /** Positions of a prompt in one run (default 128), fewer where the device is only then right. */
  chunk?: number;
}

interface Prompts {
  session: OrtSession;
  /** One slot. */
  floats: KvCache;
  kv: RoundedKv;
}

/** Places of the graph's inputs before the KV; `position_ids` comes last, where the graph has it. */
const INPUTS = ["input_ids", "seqlens_k", "total_sequence_length", "logit_rows"];

export class OrtRunner implements StepRunner {
  readonly manifest: VariantManifest;
  readonly slots: number;
  readonly context: number;
  readonly chunk: number;
  readonly vocabSize: number;
  readonly beginsAnywhere: boolean;
  readonly copy?: StepRunner["copy"];
  readonly #session: OrtSession;
  readonly #kv: KvCache;
  /** What chunks run over where the KV is kept as codes. */
  readonly #prompts: Prompts | null;
  /** Rows that a decode has at least: 2 where a matrix times a single row rounds differently. */
  #fewestRows = 1;
  /** int64 as pairs of int32, the low half first. */
  readonly #ids: Int32Array;
  readonly #positions: Int32Array;
  readonly #logitRows: Int32Array;
  readonly #seqlens: Int32Array<ArrayBuffer>;
  readonly #total: Int32Array<ArrayBuffer>;
  readonly #logits: Float32Array<ArrayBuffer>;
  readonly #tensors: {
    ids: ShapedTensors;
    positions: ShapedTensors;
    logitRows: ShapedTensors;
    seqlens: ShapedTensors;
    total: OrtTensor;
    logits: ShapedTensors;
  };

  private constructor(
    manifest: VariantManifest,
    session: OrtSession,
    kv: KvCache,
    prompts: Prompts | null,
    { slots, context, chunk }: { slots: number; context: number; chunk: number },
  ) {
    this.manifest = manifest;
    this.slots = slots;
    this.context = context;
    this.chunk = chunk;
    this.vocabSize = manifest.vocabSize;
    this.#session = session;
    this.#kv = kv;
    this.#prompts = prompts;
    this.beginsAnywhere = kv.hasParts;
    if (kv.canCopy) {
      this.copy = (from, to, start, end) => {
        kv.copy(from, to, start, end);
        prompts?.kv.changed(to, start);
      };
    }
    const rows = Math.max(slots, chunk + 1);
    const int64 = () => offHeap(BigInt64Array, rows);
    const [ids, positions, logitRows] = [int64(), int64(), int64()];
    this.#ids = new Int32Array(ids.buffer);
    this.#positions = new Int32Array(positions.buffer);
    this.#logitRows = new Int32Array(logitRows.buffer);
    this.#seqlens = offHeap(Int32Array, this.#kv.slots);
    this.#total = offHeap(Int32Array, 1);
    this.#logits = offHeap(Float32Array, rows * this.vocabSize);
    this.#tensors = {
      ids: new ShapedTensors(ids),
      positions: new ShapedTensors(positions),
      logitRows: new ShapedTensors(logitRows),
      seqlens: new ShapedTensors(this.#seqlens),
      total: new OrtTensor(this.#total, []),
      logits: new ShapedTensors(this.#logits),
    };
  }

  /**
   * Loads a variant's folder.
   * @throws {BadInput} where the folder holds none, the device is not there, or the context is not the model's.
   */
  static async create(folder: string, options: OrtRunnerOptions = {}): Promise<OrtRunner> {
    const manifest = await readJson<VariantManifest>(join(folder, "variant.json"));
    const { shallow = false } = options;
    manifest.form = options.form ?? manifest.form;
    if (shallow) manifest.layers.length = Math.min(SHALLOW_LAYERS, manifest.layers.length);
    const { slots = 16, device = "cpu" } = options;
    let { chunk = 128 } = options;
    const { context = Math.min(manifest.contextLength, 4096) } = options;
    if (context > manifest.contextLength) {
      throw new BadInput(
        `Cannot use a context of ${context} as ${manifest.model} must know its positions: it has ${manifest.contextLength}`,
      );
    }
    if (!(slots >= 1 && context >= 2 && chunk >= 2)) {
      throw new BadInput(
        `Cannot start an engine as it must have a slot, a context and a chunk of at least 2: they are ${slots}, ${context} and ${chunk}`,
      );
    }
    for (const { headDim, window } of manifest.layers) {
      if (window === null) chunk = Math.min(chunk, await longestChunk(device, headDim));
    }
    const layers = manifest.layers.flatMap((_, l) => [`${l}.key`, `${l}.value`]);
    const codes = await exactCodes(), graph = join(folder, graphFile(manifest.form, codes, shallow));
    const load = (path: string) =>
      OrtSession.create(
        path,
        [
          ...INPUTS,
          ...(manifest.usesPositionIds ? ["position_ids"] : []),
          ...layers.map((name) => `past_key_values.${name}`),
        ],
        ["logits", ...layers.map((name) => `present.${name}`)],
        options,
      );
    const kv8 = matricesOfKv8(manifest.form);
    const sessions = [await load(graph)];
    let kv: KvCache, prompts: Prompts | null = null;
    try {
      kv = await KvCache.create(sessions[0], {
        layers: manifest.layers,
        slots: Math.max(2, slots), // for a row that needs a companion
        context,
        type: kv8 ? "int8" : manifest.form === "fp16" ? "float16" : "float",
      });
      if (kv8) {
        sessions.push(await load(join(folder, graphFile(kv8, codes, shallow))));
        const floats = await KvCache.create(sessions[1], { layers: manifest.layers, slots: 1, context });
        const scales = await readJson<KvScales>(`${graph}.kv.json`);
        prompts = { session: sessions[1], floats, kv: new RoundedKv(kv, floats, scales) };
      }
    } catch (thrown) {
      for (const session of sessions) session.close();
      throw thrown;
    }
    const runner = new OrtRunner(manifest, sessions[0], kv, prompts, { slots, context, chunk });
    try {
      runner.#fewestRows = await runner.#measureFewestRows();
      if (device !== "cpu" && await runner.#dependsOnBatch()) {
        manifest.batchDependence =
          `on ${device} a request's logits change when a longer one decodes beside it`;
      }
    } catch (thrown) {
      runner.close();
      if (!/requires f16/.test(messageOf(thrown))) throw thrown;
      throw new BadInput(
        `Cannot run ${manifest.variant} on ${device} as its adapter must compute with float16: it does not`,
      );
    }
    return runner;
  }

  async prefill(slot: number, ids: readonly number[], start: number, rows: LogitRows): Promise<Float32Array> {
    const length = ids.length;
    if (length === 0 || length > this.chunk + 1 || start + length > this.context) {
      throw new RangeError(
        `Cannot run positions ${start} to ${start + length} as at most ${this.chunk + 1} must fit ` +
          `the ${this.context}-token KV slot`,
      );
    }
    const [from, to] = rows === "none" ? [0, 0] : rows === "last" ? [length - 1, length] : rows;
    for (let i = 0; i < length; i++) {
      this.#ids[2 * i] = ids[i];
      this.#positions[2 * i] = start + i;
    }
    for (let row = from; row < to; row++) this.#logitRows[2 * (row - from)] = row;
    this.#seqlens[0] = start + length - 1;
    this.#total[0] = start + length;
    const run = (session: OrtSession) => (kv: BigUint64Array) => this.#run(session, kv, 1, length, to - from);
    return this.#prompts
      ? await this.#prompts.kv.chunk(slot, start, length, run(this.#prompts.session))
      : await this.#kv.chunk(slot, start, run(this.#session));
  }

  /** @param head whether there are logits, which is what the head takes its time for */
  async decode(
    rows: readonly StepRow[],
    held: (slot: number) => number,
    head = true,
  ): Promise<Float32Array> {
    const lowest = this.#kv.hasParts ? rows[0].slot : 0;
    const batch = Math.max(this.#fewestRows, rows[rows.length - 1].slot - lowest + 1);
    const first = Math.min(lowest, this.#kv.slots - batch);
    let largest = 0;
    for (let b = 0, next = 0; b < batch; b++) {
      const row = rows[next];
      const active = row?.slot === first + b;
      // A slot that is not decoding gets a token that lands after what it must keep.
      const position = active ? row.position : held(first + b);
      this.#ids[2 * b] = active ? row.tokenId : 0;
      this.#positions[2 * b] = position;
      this.#seqlens[b] = position;
      largest = Math.max(largest, position);
      this.#prompts?.kv.changed(first + b, position);
      if (active) this.#logitRows[2 * next++] = b;
    }
    this.#total[0] = largest + 1;
    const logitRows = head ? Math.max(this.#fewestRows, rows.length) : 0;
    for (let row = rows.length; row < logitRows; row++) this.#logitRows[2 * row] = this.#logitRows[0];
    const logits = await this.#run(this.#session, this.#kv.range(first, batch), batch, 1, logitRows);
    return logits.subarray(0, rows.length * this.vocabSize);
  }

  /**
   * Compares single rows alone with the same rows beside another: the kernel for one row may be another one
   * (4-bit MatMulNBits under AVX2), and a request's result must not depend on whether it is alone.
   */
  async #measureFewestRows(): Promise<number> {
    const decode = async (fewest: number, position: number) => {
      this.#fewestRows = fewest;
      const tokenId = (position * 7919) % this.vocabSize;
      return (await this.decode([{ slot: 0, tokenId, position }], () => 0)).slice();
    };
    for (const position of [1, 2, 3].filter((p) => p < this.context)) {
      const alone = await decode(1, position), beside = await decode(2, position);
      if (alone.some((logit, i) => logit !== beside[i])) return 2;
    }
    return 1;
  }

  /** Whether a row comes out otherwise beside one that is far longer. */
  async #dependsOnBatch(): Promise<boolean> {
    if (this.slots < 2) return false;
    const length = Math.min(this.chunk, this.context - 2), far = Math.min(this.context - 1, 4 * this.chunk);
    const ids = Array.from({ length }, (_, i) => (i * 7919) % this.vocabSize);
    for (const position of [1, length]) {
      await this.prefill(0, ids.slice(0, position), 0, "none");
      const row = { slot: 0, tokenId: 1, position }, other = { slot: 1, tokenId: 1, position: far };
      const alone = (await this.decode([row], () => 0)).slice();
      const beside = await this.decode([row, other], () => 0);
      if (alone.some((logit, i) => logit !== beside[i])) return true;
    }
    return false;
  }

  /** Steps for the codes of the first positions of slot 0, of a runner whose KV are floats. */
  kvScales(positions: number): KvScales {
    return kvScalesOf(this.#kv, positions);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  close(): void {
    const { total, ...shaped } = this.#tensors;
    for (const tensors of Object.values(shaped)) tensors.release();
    total.release();
    this.#kv.release();
    this.#session.close();
    this.#prompts?.floats.release();
    this.#prompts?.session.close();
  }

  /**
   * Runs `batch` slots with `length` tokens each; gives float32 [logitRows, vocab].
   * @param kv addresses of the slots' keys and values
   */
  async #run(
    session: OrtSession,
    kv: BigUint64Array,
    batch: number,
    length: number,
    logitRows: number,
  ): Promise<Float32Array> {
    const { inputs, outputs } = session;
    const { ids, positions, seqlens, total, logits } = this.#tensors;
    inputs[0] = ids.shaped(batch, length);
    inputs[1] = seqlens.shaped(batch);
    inputs[2] = total.handle;
    inputs[3] = this.#tensors.logitRows.shaped(logitRows);
    if (this.manifest.usesPositionIds) inputs[4] = positions.shaped(batch, length);
    outputs[0] = logits.shaped(logitRows, this.vocabSize);
    inputs.set(kv, inputs.length - kv.length);
    outputs.set(kv, 1);
    await session.run();
    return this.#logits.subarray(0, logitRows * this.vocabSize);
  }
}

/** Tensors of several shapes over one array, each made once. */
class ShapedTensors {
  #array: ConstructorParameters<typeof OrtTensor>[0];
  #made = new Map<number, OrtTensor>();

  constructor(array: ConstructorParameters<typeof OrtTensor>[0]) {
    this.#array = array;
  }

  /** Address of the tensor of shape [rows] or [rows, columns]. */
  shaped(rows: number, columns?: number): bigint {
    const key = rows * 2 ** 24 + (columns ?? 0);
    let tensor = this.#made.get(key);
    if (tensor === undefined) {
      tensor = new OrtTensor(this.#array, columns === undefined ? [rows] : [rows, columns]);
      this.#made.set(key, tensor);
    }
    return tensor.handle;
  }

  release(): void {
    for (const tensor of this.#made.values()) tensor.release();
    this.#made.clear();
  }
}
