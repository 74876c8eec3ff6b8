import assert from "node:assert/strict";
import { BadInput } from "../std/errors.ts";
import { ensureDevice } from "./device.ts";
import { SingleVariantServer } from "./single_variant_server.ts";

Deno.test("ensureDevice() says in one line what a device lacks, before a model is asked for", async () => {
  await ensureDevice("cpu");
  for (const device of ["cuda", "webgpu"] as const) {
    const found = await ensureDevice(device).then(() => null, (thrown) => thrown);
    if (found === null) continue; // a machine that has the device
    const isDevices = (e: unknown) =>
      e instanceof BadInput && e.message.startsWith(`Cannot use --device ${device} as `) &&
      !e.message.includes("\n");
    assert.ok(isDevices(found), found);
    const model = "/absent/model.gguf";
    await assert.rejects(SingleVariantServer.create({ model, variant: "med", device }), isDevices);
  }
});
