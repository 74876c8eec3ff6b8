import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyChatModel } from "../checkpoint/testing/tiny_chat_model.ts";
import { readJson } from "../std/files.ts";
import { BadInput } from "../std/errors.ts";
import { inTemp } from "../std/test_support.ts";
import { type Candidate, chooseForm, type Distances, prepareVariant, type Tuner } from "./forms.ts";
import type { FormName } from "../compress/variant.ts";

const candidate = (form: FormName, workload_ms: number): Candidate => ({
  form,
  decode_1_ms: 1,
  decode_8_ms: 1,
  decode_32_ms: 1,
  prefill_128_ms: 1,
  workload_ms,
  kl_to_base: null,
  kl_limit: null,
});

/** Distances that are known; says which were asked for. */
function known(distances: Partial<Record<FormName, number>>, limit = 0.01) {
  const asked: FormName[] = [];
  let closed = 0;
  const given: Distances = {
    limit,
    of(form) {
      asked.push(form);
      return Promise.resolve(distances[form]!);
    },
    [Symbol.dispose]: () => closed++,
  };
  return { given, asked, closed: () => closed };
}

Deno.test("chooseForm() takes the fastest form that keeps the bar", async () => {
  const { given, asked, closed } = known({ rows8: 0.02, rotated8: 0.01 });
  const candidates = [
    candidate("blocks", 30),
    candidate("rotated8", 20),
    candidate("rows8x3", 25),
    candidate("rows8", 10),
  ];
  assert.equal(await chooseForm(candidates, () => Promise.resolve(given)), "rotated8");
  assert.deepEqual(asked, ["rows8", "rotated8"]);
  assert.equal(closed(), 1);
  assert.deepEqual(
    candidates.map((c) => [c.form, c.kl_to_base, c.kl_limit]),
    [["rows8", 0.02, 0.01], ["rotated8", 0.01, 0.01], ["rows8x3", null, null], ["blocks", null, null]],
  );
});

Deno.test("chooseForm() stays with blocks where no faster form keeps the bar", async () => {
  const { given, asked } = known({ rows8: 0.02, rotated8: 0.011 });
  const candidates = [candidate("rows8", 10), candidate("rotated8", 20), candidate("blocks", 21)];
  assert.equal(await chooseForm(candidates, () => Promise.resolve(given)), "blocks");
  assert.deepEqual(asked, ["rows8", "rotated8"]);
});

Deno.test("chooseForm() measures no distance where blocks are fastest, and takes no form without one", async () => {
  const fail = () => Promise.reject(new Error("measured"));
  assert.equal(await chooseForm([candidate("blocks", 1), candidate("rows8", 2)], fail), "blocks");
  const none = () => Promise.resolve(null);
  assert.equal(await chooseForm([candidate("blocks", 2), candidate("rows8", 1)], none), "blocks");
});

Deno.test("prepareVariant() tunes once on a machine, and anew on another", () =>
  inTemp(async (dir) => {
    await writeTinyChatModel(join(dir, "m"));
    let timed = 0;
    const tuner = (cpu: string): Tuner => ({
      machine: (threads) => ({ cpu, threads, ort_version: "1" }),
      time: () => {
        timed++;
        return Promise.resolve([candidate("blocks", 2), candidate(cpu === "a" ? "rows8" : "rotated8", 1)]);
      },
      distances: () => Promise.resolve(known({ rows8: 0, rotated8: 0 }).given),
    });
    const prepare = (cpu: string, tune?: boolean) =>
      prepareVariant({
        model: join(dir, "m"),
        variant: "med",
        form: "auto",
        cacheDir: join(dir, "cache"),
        threads: 2,
        tune,
        onProgress: () => {},
      }, tuner(cpu));
    assert.equal((await prepare("a", false)).form, "blocks");
    assert.equal(timed, 0);
    assert.equal((await prepare("a")).form, "rows8");
    assert.equal((await prepare("a")).form, "rows8");
    assert.equal(timed, 1);
    const { form, dir: folder } = await prepare("b");
    assert.equal(form, "rotated8");
    assert.equal((await prepare("a", false)).form, "rows8");
    assert.equal(timed, 2);
    const { tuning } = await readJson<{ tuning: { cpu: string; chosen: string }[] }>(
      join(folder, "report.json"),
    );
    assert.deepEqual(tuning.map((t) => [t.cpu, t.chosen]), [["a", "rows8"], ["b", "rotated8"]]);
  }));

Deno.test("prepareVariant() times, judges and keeps the forms of a model", () =>
  inTemp(async (dir) => {
    await writeTinyChatModel(join(dir, "m"));
    const options = { model: join(dir, "m"), cacheDir: join(dir, "cache"), threads: 2, onProgress: () => {} };
    const { form, dir: folder } = await prepareVariant({ ...options, variant: "cheap", form: "auto" });
    const { tuning: [{ chosen, candidates }] } = await readJson<
      { tuning: { chosen: string; candidates: Candidate[] }[] }
    >(join(folder, "report.json"));
    assert.equal(form, chosen);
    assert.deepEqual(
      candidates.map((c) => c.form).sort(),
      ["blocks", "blocks-kv8", "rotated8", "rotated8-kv8"],
    );
    for (const c of candidates) assert.ok(c.workload_ms > 0 && c.decode_8_ms > 0 && c.prefill_128_ms > 0);
  }));

Deno.test("prepareVariant() refuses a form that the device has not, and runs base in its own", () =>
  inTemp(async (dir) => {
    await writeTinyChatModel(join(dir, "m"));
    const options = { model: join(dir, "m"), cacheDir: join(dir, "cache"), onProgress: () => {} };
    await assert.rejects(
      prepareVariant({ ...options, variant: "med", form: "rows8", device: "webgpu" }),
      (e) => e instanceof BadInput && /its device must be cpu/.test(e.message),
    );
    for (const form of ["auto", "blocks", "rows8"] as const) {
      assert.equal((await prepareVariant({ ...options, variant: "base", form })).form, "float");
    }
    const auto = await prepareVariant({ ...options, variant: "med", form: "auto", device: "webgpu" });
    assert.deepEqual([auto.form, auto.tuning], ["blocks", null]);
  }));
