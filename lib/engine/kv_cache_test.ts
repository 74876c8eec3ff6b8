import { assertKvCacheKeepsSlotsApart } from "./testing/kv_cache_suite.ts";

for (const half of [false, true]) {
  Deno.test(`KvCache ${half ? "float16" : "float32"}: chunks and ranges change their slots alone`, () =>
    assertKvCacheKeepsSlotsApart("cpu", half));
}
