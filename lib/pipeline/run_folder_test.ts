import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { openRunFolder, saveRun } from "./run_folder.ts";
import { inTemp } from "../std/test_support.ts";

Deno.test("openRunFolder() renames a folder that holds results to the next free number", () =>
  inTemp(async (temp) => {
    const dir = join(temp, "baseline_med");
    for (const mark of ["first", "second", "third"]) {
      assert.equal(await openRunFolder(dir, false, {}), null);
      await Deno.writeTextFile(join(dir, "mark"), mark);
    }
    assert.equal(await Deno.readTextFile(join(temp, "baseline_med.1", "mark")), "first");
    assert.equal(await Deno.readTextFile(join(temp, "baseline_med.2", "mark")), "second");
    assert.equal(await Deno.readTextFile(join(dir, "mark")), "third");
  }));

Deno.test("openRunFolder() takes up the run of the folder with resume, and needs one", () =>
  inTemp(async (temp) => {
    const run = {
      status: "running" as const,
      fingerprint: { seed: 1 },
      started_at: ["2026-01-01T00:00:00Z"],
    };
    await saveRun(temp, run);
    assert.deepEqual(await openRunFolder(temp, true, { seed: 1 }), run);
    await assert.rejects(
      openRunFolder(temp, true, { seed: 2 }),
      (e) => e instanceof BadInput && /seed/.test(e.message),
    );
    await assert.rejects(openRunFolder(join(temp, "none"), true, {}), BadInput);
  }));

Deno.test("openRunFolder() refuses a file", () =>
  inTemp(async (temp) => {
    await Deno.writeTextFile(join(temp, "f"), "");
    await assert.rejects(openRunFolder(join(temp, "f"), false, {}), (e) =>
      e instanceof BadInput && /it is a file/.test(e.message));
  }));
