/** How long a prompt's chunk may be on a device, for its attention to be right. */
import { join } from "node:path";
import { OnnxFile } from "../compress/onnx_file.ts";
import { KvCache } from "./kv_cache.ts";
import { type Device, offHeap, OrtSession, OrtTensor } from "./ort.ts";

/** From 32 positions on, WebGPU's attention is another kernel. */
const LONG = 33, SHORT = 16, CONTEXT = 64;

const probes = new Map<string, Promise<number>>();

/**
 * Positions that a chunk may have: 16 where attention over 33 is not what the CPU computes, else any number. ONNX
 * Runtime 1.30's kernel for long chunks on WebGPU needs subgroups of 8 lanes and does not ask for them: SwiftShader's
 * are of 4, and its results are wrong.
 * @see https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/contrib_ops/webgpu/bert/flash_attention.wgsl.template
 */
export function longestChunk(device: Device, headDim: number): Promise<number> {
  if (device !== "webgpu") return Promise.resolve(Infinity);
  const key = `${device} ${headDim}`;
  let probe = probes.get(key);
  if (!probe) {
    probe = (async () => {
      const [expected, found] = [await attend("cpu", headDim), await attend(device, headDim)];
      return expected.every((x, i) => Math.abs(x - found[i]) < 1e-3) ? Infinity : SHORT;
    })();
    probes.set(key, probe);
  }
  return probe;
}

/**
 * Opens a graph of one GroupQueryAttention with one head. Inputs: query, key, value [B, S, headDim], seqlens_k,
 * total_sequence_length, past_key, past_value; outputs: attended [B, S, headDim], present_key, present_value.
 */
export async function openAttention(device: Device, headDim: number, half = false): Promise<OrtSession> {
  const folder = await Deno.makeTempDir();
  try {
    const file = await OnnxFile.create(join(folder, "attention.onnx"));
    const type = half ? "float16" : "float";
    const rows = ["batch", "sequence", headDim], kv = ["batch", 1, "context", headDim];
    const heads = ["query", "key", "value"].map((name) => file.input(name, type, rows));
    const lengths = [
      file.input("seqlens_k", "int32", ["batch"]),
      file.input("total_sequence_length", "int32", []),
    ];
    const past = ["past_key", "past_value"].map((name) => file.input(name, type, kv));
    const outputs = ["attended", "present_key", "present_value"];
    const attributes = { num_heads: 1, kv_num_heads: 1 };
    file.node("GroupQueryAttention", [...heads, ...past, ...lengths], attributes, {
      domain: "com.microsoft",
      outputs,
    });
    for (const [i, name] of outputs.entries()) file.output(name, type, i === 0 ? rows : kv);
    await file.finish();
    return await OrtSession.create(file.path, [...heads, ...lengths, ...past], outputs, {
      device,
      threads: 1,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Attention of LONG positions to themselves, float32 [LONG * headDim]. */
async function attend(device: Device, headDim: number): Promise<Float32Array> {
  const session = await openAttention(device, headDim);
  const layers = [{ kvHeads: 1, headDim, window: null }];
  const cache = await KvCache.create(session, { layers, slots: 1, context: CONTEXT });
  const rows = [1, LONG, headDim], attended = offHeap(Float32Array, LONG * headDim);
  const inputs = [1, 2, 3].map((k) => {
    const values = offHeap(Float32Array, attended.length);
    for (let i = 0; i < values.length; i++) values[i] = Math.sin(k * i * i);
    return new OrtTensor(values, rows);
  });
  inputs.push(new OrtTensor(offHeap(Int32Array, 1).fill(LONG - 1), [1]));
  inputs.push(new OrtTensor(offHeap(Int32Array, 1).fill(LONG), []));
  const output = new OrtTensor(attended, rows), kv = cache.range(0, 1);
  session.inputs.set([...inputs.map((t) => t.handle), ...kv]);
  session.outputs.set([output.handle, ...kv]);
  await session.run();
  for (const tensor of [...inputs, output]) tensor.release();
  cache.release();
  session.close();
  return attended;
}
