import assert from "node:assert/strict";
import { BadInput } from "./errors.ts";
import { requireSameSettings } from "./settings.ts";

Deno.test("requireSameSettings() names the setting that differs", () => {
  requireSameSettings("r", { seed: 1, model: { sha256: "a" } }, { seed: 1, model: { sha256: "a" } });
  assert.throws(
    () => requireSameSettings("r", { seed: 1 }, { seed: 2 }),
    (e) =>
      e instanceof BadInput && /Cannot resume r as seed must be .* it was 1, now it is 2/.test(e.message),
  );
  assert.throws(() => requireSameSettings("r", { seed: 1 }, {}), /now it is undefined/);
});
