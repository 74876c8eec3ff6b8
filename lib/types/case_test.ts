import assert from "node:assert/strict";
import { fromRecord, toRecord } from "./case.ts";

Deno.test("toRecord() and fromRecord() are each other's inverse over the fields that files hold", () => {
  const code = {
    ttftMs: 1,
    e2eLatencyMs: null,
    error: { kind: "http_429", message: "a_b" },
    topP: [{ inputTokens: 2 }],
  };
  const file = {
    ttft_ms: 1,
    e2e_latency_ms: null,
    error: { kind: "http_429", message: "a_b" },
    top_p: [{ input_tokens: 2 }],
  };
  assert.deepEqual(toRecord(code), file);
  assert.deepEqual(fromRecord(file), code);
});
