/**
 * ONNX Runtime's C API over Deno's FFI: sessions, and tensors over memory of ours that a run updates in place.
 *
 * The library is the one that the npm package `onnxruntime-node` ships. Its N-API binding copies every output
 * and blocks the event loop during a run; this does neither.
 * @see https://github.com/microsoft/onnxruntime/blob/v1.30.0/include/onnxruntime/core/session/onnxruntime_c_api.h
 */
import { existsSync } from "node:fs";
import { BadInput, messageOf } from "../std/errors.ts";
import { explainCudaFailure } from "./cuda_provider.ts";
import { libraryPath } from "./library.ts";

export const DEVICES = ["cpu", "cuda", "webgpu"] as const;
export type Device = typeof DEVICES[number];

/** The table of functions is append-only; everything used here is older than this version of it. */
const API_VERSION = 17;
const STATUS = "pointer";
/** Position in `struct OrtApi`, and signature. Release functions give nothing, the others an OrtStatus. */
const FUNCTIONS = {
  GetErrorMessage: { index: 2, parameters: ["pointer"], result: "pointer" },
  CreateEnv: { index: 3, parameters: ["i32", "buffer", "buffer"], result: STATUS },
  CreateSession: {
    index: 7,
    parameters: ["pointer", "buffer", "pointer", "buffer"],
    result: STATUS,
    nonblocking: true,
  },
  Run: {
    index: 9,
    parameters: ["pointer", "pointer", "pointer", "pointer", "usize", "pointer", "usize", "pointer"],
    result: STATUS,
    nonblocking: true,
  },
  CreateSessionOptions: { index: 10, parameters: ["buffer"], result: STATUS },
  DisableMemPattern: { index: 17, parameters: ["pointer"], result: STATUS },
  SetIntraOpNumThreads: { index: 24, parameters: ["pointer", "i32"], result: STATUS },
  CreateTensorAsOrtValue: {
    index: 48,
    parameters: ["pointer", "buffer", "usize", "i32", "buffer"],
    result: STATUS,
  },
  CreateTensorWithDataAsOrtValue: {
    index: 49,
    parameters: ["pointer", "pointer", "usize", "buffer", "usize", "i32", "buffer"],
    result: STATUS,
  },
  GetTensorMutableData: { index: 51, parameters: ["pointer", "buffer"], result: STATUS },
  CreateMemoryInfo: { index: 68, parameters: ["buffer", "i32", "i32", "i32", "buffer"], result: STATUS },
  CreateCpuMemoryInfo: { index: 69, parameters: ["i32", "i32", "buffer"], result: STATUS },
  ReleaseStatus: { index: 93, parameters: ["pointer"], result: "void" },
  ReleaseMemoryInfo: { index: 94, parameters: ["pointer"], result: "void" },
  ReleaseSession: { index: 95, parameters: ["pointer"], result: "void" },
  ReleaseValue: { index: 96, parameters: ["pointer"], result: "void" },
  ReleaseSessionOptions: { index: 100, parameters: ["pointer"], result: "void" },
  AddSessionConfigEntry: { index: 130, parameters: ["pointer", "buffer", "buffer"], result: STATUS },
  CreateAllocator: { index: 131, parameters: ["pointer", "pointer", "buffer"], result: STATUS },
  ReleaseAllocator: { index: 132, parameters: ["pointer"], result: "void" },
  AppendCuda: { index: 204, parameters: ["pointer", "pointer"], result: STATUS },
  CreateCudaOptions: { index: 205, parameters: ["buffer"], result: STATUS },
  UpdateCudaOptions: {
    index: 206,
    parameters: ["pointer", "pointer", "pointer", "usize"],
    result: STATUS,
  },
  ReleaseCudaOptions: { index: 208, parameters: ["pointer"], result: "void" },
  AppendExecutionProvider: {
    index: 216,
    parameters: ["pointer", "buffer", "pointer", "pointer", "usize"],
    result: STATUS,
  },
} as const;

type Functions = typeof FUNCTIONS;
type Api = { [K in keyof Functions]: Deno.UnsafeFnPointer<Functions[K]>["call"] };

interface Runtime {
  api: Api;
  env: Deno.PointerValue;
  memory: Deno.PointerValue;
}

const encoder = new TextEncoder();
const cString = (text: string) => encoder.encode(text + "\0");
/** A place for one pointer that a native function writes. */
const outPointer = () => new BigUint64Array(1);
const pointerIn = (out: BigUint64Array) => Deno.UnsafePointer.create(out[0]);

let loaded: Runtime | undefined;

/** Loads the library once for the process; it stays until the end. */
function runtime(): Runtime {
  if (loaded) return loaded;
  const library = Deno.dlopen(libraryPath(), { OrtGetApiBase: { parameters: [], result: "pointer" } });
  const base = new Deno.UnsafePointerView(library.symbols.OrtGetApiBase()!);
  const getApi = new Deno.UnsafeFnPointer(base.getPointer(0)!, { parameters: ["u32"], result: "pointer" });
  const table = new Deno.UnsafePointerView(getApi.call(API_VERSION)!);
  const api = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, { index, ...signature }]) => {
      const pointer = new Deno.UnsafeFnPointer(table.getPointer(8 * index)!, signature);
      return [name, pointer.call.bind(pointer)];
    }),
  ) as unknown as Api;
  const env = outPointer(), memory = outPointer();
  check(api, api.CreateEnv(4, cString("slolab"), env)); // 4: logs only what is fatal; errors are thrown
  check(api, api.CreateCpuMemoryInfo(1, 0, memory)); // 1: arena allocator, 0: default memory
  return loaded = { api, env: pointerIn(env), memory: pointerIn(memory) };
}

function check(api: Api, status: Deno.PointerValue): void {
  if (status === null) return;
  const message = Deno.UnsafePointerView.getCString(api.GetErrorMessage(status)!);
  api.ReleaseStatus(status);
  throw new Error(`ONNX Runtime: ${message}`);
}

const ELEMENT_TYPES = {
  Float32Array: 1,
  Int8Array: 3,
  Int32Array: 6,
  BigInt64Array: 7,
  Float16Array: 10,
} as const;
type Elements =
  | Float32Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>;

/** A tensor over a part of an array, which must have an ArrayBuffer of its own and outlives the tensor. */
export class OrtTensor {
  /** Tensors that are not released. */
  static alive = 0;
  /** Address of the OrtValue. */
  readonly handle: bigint;
  /** Keeps the memory alive. */
  readonly data: Elements | DeviceArray;

  /** @param offset first element in the array */
  constructor(data: Elements | DeviceArray, shape: readonly number[], offset = 0) {
    const { api, memory } = runtime();
    const onDevice = data instanceof DeviceArray;
    const size = data.BYTES_PER_ELEMENT;
    const length = shape.reduce((a, b) => a * b, 1);
    if (offset + length > data.length) {
      throw new RangeError(
        `Cannot make a tensor of shape [${shape}] at ${offset} as it must lie in its array: that has ${data.length}`,
      );
    }
    if (onDevice && !data.hasAddresses && offset > 0) {
      throw new RangeError(`Cannot make a tensor at ${offset} as it must begin with its WebGPU buffer`);
    }
    const begin = onDevice ? data.pointer : Deno.UnsafePointer.of(data)!;
    const out = outPointer();
    check(
      api,
      api.CreateTensorWithDataAsOrtValue(
        onDevice ? data.memory : memory,
        Deno.UnsafePointer.offset(begin, size * offset),
        BigInt(size * length),
        BigInt64Array.from(shape, BigInt),
        BigInt(shape.length),
        onDevice ? data.elementType : ELEMENT_TYPES[data.constructor.name as keyof typeof ELEMENT_TYPES],
        out,
      ),
    );
    this.data = data;
    this.handle = out[0];
    OrtTensor.alive++;
  }

  release(): void {
    OrtTensor.alive--;
    runtime().api.ReleaseValue(Deno.UnsafePointer.create(this.handle));
  }
}

/** Floats in the memory of a session's device. */
export class DeviceArray {
  readonly BYTES_PER_ELEMENT: number;
  readonly elementType: number;
  /** Of the memory that the tensors lie in. */
  readonly memory: Deno.PointerValue;
  /** What CUDA knows its memory by is an address, which parts have as well; WebGPU's is a buffer's handle. */
  readonly hasAddresses: boolean;
  readonly pointer: Deno.PointerObject;
  #allocator: Deno.PointerValue;
  #whole: Deno.PointerValue;

  /** @throws {Error} with ONNX Runtime's message where the device lacks the memory. */
  constructor(
    session: Deno.PointerValue,
    device: Exclude<Device, "cpu">,
    Type: Float32ArrayConstructor | Float16ArrayConstructor | Int8ArrayConstructor,
    readonly length: number,
  ) {
    const { api } = runtime();
    this.BYTES_PER_ELEMENT = Type.BYTES_PER_ELEMENT;
    this.elementType = ELEMENT_TYPES[Type.name as keyof typeof ELEMENT_TYPES];
    this.hasAddresses = device === "cuda";
    const made = (status: Deno.PointerValue, out: BigUint64Array) => {
      check(api, status);
      return pointerIn(out);
    };
    const out = outPointer();
    // 0: device allocator, device 0, default memory
    this.memory = made(api.CreateMemoryInfo(cString(MEMORY_NAMES[device]), 0, 0, 0, out), out);
    this.#allocator = made(api.CreateAllocator(session, this.memory, out), out);
    this.#whole = made(
      api.CreateTensorAsOrtValue(
        this.#allocator,
        BigInt64Array.of(BigInt(length)),
        1n,
        this.elementType,
        out,
      ),
      out,
    );
    this.pointer = made(api.GetTensorMutableData(this.#whole, out), out)!;
  }

  /** Frees the memory; its tensors are released before, its session is closed after. */
  release(): void {
    const { api } = runtime();
    api.ReleaseValue(this.#whole);
    api.ReleaseAllocator(this.#allocator);
    api.ReleaseMemoryInfo(this.memory);
  }
}

export type KvArray =
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | DeviceArray;

const MEMORY_NAMES = { cuda: "Cuda", webgpu: "WebGPU_Buf" };

/** An array outside of V8's heap: a small one on it would move while native code holds its address. */
export function offHeap<T extends Elements | BigUint64Array<ArrayBuffer>>(
  Type: { new (buffer: ArrayBuffer, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  length: number,
): T {
  return new Type(new ArrayBuffer(Math.max(128, length * Type.BYTES_PER_ELEMENT)), 0, length);
}

export interface SessionOptions {
  device?: Device;
  /** Threads of one operator (default: as many as the machine's logical cores). */
  threads?: number;
  /**
   * How long a thread spins for work before it sleeps, in us (default 50; 0: not at all). Longer than the gap
   * between two operators gains nothing, and takes the core from whatever else runs: ONNX Runtime's own default
   * is to spin on, which doubled the time of a step with four busy processes beside it on two cores.
   */
  spinUs?: number;
}

/** A loaded graph. Its runs must not overlap, since they share the arrays of arguments. */
export class OrtSession {
  /** OrtValue addresses of the inputs and outputs, in the order of the names; set before each run. */
  readonly inputs: BigUint64Array<ArrayBuffer>;
  readonly outputs: BigUint64Array<ArrayBuffer>;
  #handle: Deno.PointerValue;
  #inputNames: Names;
  #outputNames: Names;
  #arrays: DeviceArray[] = [];

  private constructor(
    handle: Deno.PointerValue,
    readonly device: Device,
    inputs: readonly string[],
    outputs: readonly string[],
  ) {
    this.#handle = handle;
    this.#inputNames = new Names(inputs);
    this.#outputNames = new Names(outputs);
    this.inputs = offHeap(BigUint64Array, inputs.length);
    this.outputs = offHeap(BigUint64Array, outputs.length);
  }

  /**
   * Loads a graph from a file.
   * @param inputs names in the order of `inputs`
   * @throws {BadInput} where the device is not there, saying how to get it.
   * @throws {Error} with ONNX Runtime's message where the file cannot be loaded.
   */
  static async create(
    path: string,
    inputs: readonly string[],
    outputs: readonly string[],
    { device = "cpu", threads = navigator.hardwareConcurrency, spinUs = 50 }: SessionOptions = {},
  ): Promise<OrtSession> {
    const { api, env } = runtime();
    const out = outPointer();
    check(api, api.CreateSessionOptions(out));
    const options = pointerIn(out);
    try {
      check(api, api.SetIntraOpNumThreads(options, threads));
      check(api, api.DisableMemPattern(options)); // shapes differ from run to run
      const [key, value] = spinUs === 0 ? ["allow_spinning", 0] : ["spin_duration_us", spinUs];
      check(
        api,
        api.AddSessionConfigEntry(options, cString(`session.intra_op.${key}`), cString(`${value}`)),
      );
      appendDevice(api, options, device);
      const file = Deno.build.os === "windows"
        ? Uint16Array.from(path + "\0", (c) => c.charCodeAt(0))
        : cString(path);
      const session = offHeap(BigUint64Array, 1);
      check(api, await api.CreateSession(env, file, options, session));
      return new OrtSession(pointerIn(session), device, inputs, outputs);
    } catch (thrown) {
      throw device === "cpu" || !existsSync(path) ? thrown : deviceError(device, thrown);
    } finally {
      api.ReleaseSessionOptions(options);
    }
  }

  /** Runs the graph off the event loop over the tensors in `inputs` and `outputs`. */
  async run(): Promise<void> {
    const { api } = runtime();
    const { of } = Deno.UnsafePointer;
    check(
      api,
      await api.Run(
        this.#handle,
        null,
        of(this.#inputNames.pointers),
        of(this.inputs),
        BigInt(this.inputs.length),
        of(this.#outputNames.pointers),
        BigInt(this.outputs.length),
        of(this.outputs),
      ),
    );
  }

  /** Numbers that stay on the session's device until it is closed; their tensors are released before. */
  array(
    Type: Float32ArrayConstructor | Float16ArrayConstructor | Int8ArrayConstructor,
    length: number,
  ): KvArray {
    if (this.device === "cpu") return offHeap<Exclude<KvArray, DeviceArray>>(Type, length);
    const array = new DeviceArray(this.#handle, this.device, Type, length);
    this.#arrays.push(array);
    return array;
  }

  close(): void {
    for (const array of this.#arrays.splice(0)) array.release();
    if (this.#handle !== null) runtime().api.ReleaseSession(this.#handle);
    this.#handle = null;
  }
}

/** C strings and the array of their addresses. */
class Names {
  readonly pointers: BigUint64Array<ArrayBuffer>;
  /** Keeps the bytes alive. */
  readonly bytes: Uint8Array<ArrayBuffer>[];

  constructor(names: readonly string[]) {
    this.bytes = names.map((name) => {
      const text = cString(name);
      const bytes = new Uint8Array(new ArrayBuffer(Math.max(128, text.length)));
      bytes.set(text);
      return bytes;
    });
    this.pointers = offHeap(BigUint64Array, names.length);
    this.pointers.set(this.bytes.map((b) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(b))));
  }
}

function appendDevice(api: Api, options: Deno.PointerValue, device: Device): void {
  if (device === "webgpu") {
    check(api, api.AppendExecutionProvider(options, cString("WebGPU"), null, null, 0n));
  } else if (device === "cuda") {
    const out = outPointer();
    check(api, api.CreateCudaOptions(out));
    try {
      check(api, api.AppendCuda(options, pointerIn(out)));
    } finally {
      api.ReleaseCudaOptions(pointerIn(out));
    }
  }
}

/** Says in one line what keeps a device from being used. */
function deviceError(device: Device, thrown: unknown): BadInput {
  const why = device === "cuda"
    ? explainCudaFailure(thrown)
    : `a WebGPU adapter must be there: ${messageOf(thrown).replace(/^.* was false\. /, "").trim()} ` +
      "(on linux a Vulkan driver brings it: vulkaninfo --summary)";
  return new BadInput(`Cannot use --device ${device} as ${why}; --device cpu always works`);
}
