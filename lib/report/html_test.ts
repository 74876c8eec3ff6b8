import assert from "node:assert/strict";
import { modelTitle } from "./html.ts";

Deno.test("modelTitle() takes a path's last part and leaves names of the hub", () => {
  assert.deepEqual(
    ["/models/a.gguf", "./models/b/", "Qwen/Qwen2.5-0.5B", "smollm2", undefined].map(modelTitle),
    ["a.gguf", "b", "Qwen/Qwen2.5-0.5B", "smollm2", ""],
  );
});
