import assert from "node:assert/strict";
import { ProtoWriter } from "./protobuf.ts";

/** The bytes that protobuf.dev/programming-guides/encoding gives for its examples, and what follows from it. */
const CASES: [string, ProtoWriter, number[]][] = [
  ["a varint", new ProtoWriter().int(1, 150), [0x08, 0x96, 0x01]],
  ["zero", new ProtoWriter().int(1, 0), [0x08, 0x00]],
  ["a field above 15", new ProtoWriter().int(20, 7), [0xa0, 0x01, 0x07]],
  ["-1 in ten bytes", new ProtoWriter().int(2, -1), [0x10, ...Array(9).fill(0xff), 0x01]],
  ["2^40", new ProtoWriter().int(1, 2 ** 40), [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
  ["a string", new ProtoWriter().bytes(2, "testing"), [0x12, 7, ...new TextEncoder().encode("testing")]],
  ["UTF-8 by its bytes", new ProtoWriter().bytes(2, "é"), [0x12, 2, 0xc3, 0xa9]],
  ["a message", new ProtoWriter().bytes(3, new ProtoWriter().int(1, 150)), [0x1a, 3, 0x08, 0x96, 0x01]],
  ["a float", new ProtoWriter().float(2, 1.5), [0x15, 0x00, 0x00, 0xc0, 0x3f]],
  ["fields in the order of the calls", new ProtoWriter().int(2, 1).int(1, 2), [0x10, 1, 0x08, 2]],
];
for (const [what, message, bytes] of CASES) {
  Deno.test(`ProtoWriter writes ${what}`, () => assert.deepEqual([...message.finish()], bytes));
}
