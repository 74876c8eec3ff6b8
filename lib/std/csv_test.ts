import assert from "node:assert/strict";
import { toCsv } from "./csv.ts";

Deno.test("toCsv() writes columns in order and quotes what would break a line", () => {
  const rows = [
    { name: 'say "a, b"', count: 2, mean: null, note: "two\nlines" },
    { name: "plain", count: 0, mean: 1.5, note: undefined },
  ];
  assert.equal(
    toCsv(["name", "count", "mean", "note"], rows),
    'name,count,mean,note\n"say ""a, b""",2,,"two\nlines"\nplain,0,1.5,\n',
  );
});

Deno.test("toCsv() of no rows is the header", () => {
  assert.equal(toCsv(["a", "b"], []), "a,b\n");
});
