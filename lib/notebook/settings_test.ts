import assert from "node:assert/strict";
import { labSettings, QUICK_VARIABLE } from "./settings.ts";

Deno.test("labSettings() is quick where the environment says so, and takes a researcher's changes", () => {
  const before = Deno.env.get(QUICK_VARIABLE);
  try {
    Deno.env.set(QUICK_VARIABLE, "1");
    assert.equal(labSettings().quick, true);
    assert.ok(labSettings().numRequests < labSettings({}, false).numRequests);
    assert.deepEqual(labSettings({ model: "gpt2", concurrencies: [3] }).concurrencies, [3]);
    Deno.env.set(QUICK_VARIABLE, "");
    assert.equal(labSettings().quick, false);
  } finally {
    if (before === undefined) Deno.env.delete(QUICK_VARIABLE);
    else Deno.env.set(QUICK_VARIABLE, before);
  }
});

Deno.test("labSettings() loads more requests than there are slots, so that queueing shows", () => {
  for (const quick of [true, false]) {
    const { slots, concurrencies } = labSettings({}, quick);
    assert.ok(Math.max(...concurrencies) > slots && Math.min(...concurrencies) === 1);
  }
});
