import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { libraryPath, ORT_VERSION } from "./library.ts";
import { offHeap, OrtSession, OrtTensor } from "./ort.ts";

/** Inputs x, past; outputs y = x [[1 2] [3 4]] and present = past + x, all float32 [b, 2]. */
const GRAPH =
  "CAg6rQEKEQoBeAoBdxIBeSIGTWF0TXVsChcKBHBhc3QKAXgSB3ByZXNlbnQiA0FkZBIBZyobCAIIAhABQgF3ShAAAIA/AAAAQAAA" +
  "QEAAAIBAWhQKAXgSDwoNCAESCQoDEgFiCgIIAloXCgRwYXN0Eg8KDQgBEgkKAxIBYgoCCAJiFAoBeRIPCg0IARIJCgMSAWIKAggC" +
  "YhoKB3ByZXNlbnQSDwoNCAESCQoDEgFiCgIIAkIECgAQEQ==";

async function withGraph(run: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "grâph.onnx");
    await Deno.writeFile(path, Uint8Array.from(atob(GRAPH), (c) => c.charCodeAt(0)));
    await run(path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const open = (path: string) => OrtSession.create(path, ["x", "past"], ["y", "present"], { threads: 1 });

Deno.test("ORT_VERSION is the version that the notes were measured on", () => {
  assert.equal(ORT_VERSION, "1.30.0");
});

Deno.test("libraryPath() names the supported platforms in one line on another", () => {
  for (const platform of [{ os: "darwin", arch: "x86_64" }, { os: "freebsd", arch: "x86_64" }]) {
    assert.throws(
      () => libraryPath(platform),
      (e) => e instanceof BadInput && e.message.endsWith(`it is ${platform.os} x86_64`),
    );
  }
  assert.ok(libraryPath().includes("onnxruntime"));
});

Deno.test("OrtSession.run() updates in place the part of an array that is both input and output", () =>
  withGraph(async (path) => {
    const session = await open(path);
    const x = offHeap(Float32Array, 4), y = offHeap(Float32Array, 4), kv = offHeap(Float32Array, 8).fill(7);
    const tensors = [
      new OrtTensor(x, [2, 2]),
      new OrtTensor(kv, [2, 2], 2),
      new OrtTensor(y, [2, 2]),
    ];
    session.inputs.set([tensors[0].handle, tensors[1].handle]);
    session.outputs.set([tensors[2].handle, tensors[1].handle]);
    x.set([1, 0, 1, 1]);
    await session.run();
    x.set([10, 20, 30, 40]);
    await session.run();
    assert.deepEqual([...y], [10 + 60, 20 + 80, 30 + 120, 60 + 160]);
    assert.deepEqual([...kv], [7, 7, 18, 27, 38, 48, 7, 7]);
    for (const tensor of tensors) tensor.release();
    session.close();
  }));

Deno.test("OrtSession.run() leaves the event loop free", () =>
  withGraph(async (path) => {
    const session = await open(path);
    const tensors = ["x", "past", "y"].map(() => new OrtTensor(offHeap(Float32Array, 2), [1, 2]));
    session.inputs.set([tensors[0].handle, tensors[1].handle]);
    session.outputs.set([tensors[2].handle, tensors[1].handle]);
    let endedLater = false;
    // A call that blocks has always ended after microtasks alone, any other at times: it may outrun this thread.
    for (let run = 0; run < 1000 && !endedLater; run++) {
      let ended = false;
      const running = session.run().then(() => ended = true);
      for (let i = 0; i < 100; i++) await null;
      endedLater = !ended;
      await running;
    }
    assert.ok(endedLater);
    for (const tensor of tensors) tensor.release();
    session.close();
  }));

Deno.test("OrtSession.run() throws ONNX Runtime's message for a shape that does not fit, and goes on", () =>
  withGraph(async (path) => {
    const session = await open(path);
    const good = new OrtTensor(offHeap(Float32Array, 6), [1, 2]);
    const bad = new OrtTensor(offHeap(Float32Array, 6), [2, 3]);
    const y = new OrtTensor(offHeap(Float32Array, 6), [1, 2]);
    session.inputs.set([bad.handle, good.handle]);
    session.outputs.set([y.handle, good.handle]);
    await assert.rejects(session.run(), /ONNX Runtime: Got invalid dimensions for input: x/);
    session.inputs[0] = good.handle;
    await session.run();
    for (const tensor of [good, bad, y]) tensor.release();
    session.close();
  }));

Deno.test("OrtSession.create() throws ONNX Runtime's message for a file that is not a graph", () =>
  withGraph(async (path) => {
    await Deno.writeTextFile(path, "not a graph");
    await assert.rejects(open(path), /ONNX Runtime: Load model from .* failed/);
    await assert.rejects(open(path + ".absent"), /ONNX Runtime: .*File doesn't exist/);
  }));

Deno.test("OrtSession.create() says how to get a device that is not there", () =>
  withGraph(async (path) => {
    for (const [device, way] of [["cuda", /--allow-scripts/], ["webgpu", /Vulkan/]] as const) {
      const created = OrtSession.create(path, ["x", "past"], ["y", "present"], { device, threads: 1 });
      await created.then(
        (session) => session.close(), // a machine that has the device
        (e) => assert.ok(e instanceof BadInput && way.test(e.message) && !e.message.includes("\n"), e),
      );
    }
  }));

Deno.test("new OrtTensor() refuses a shape that its array does not hold", () => {
  assert.throws(() => new OrtTensor(offHeap(Float32Array, 8), [2, 4], 1), /shape \[2,4\] at 1/);
});
