import assert from "node:assert/strict";
import { join } from "node:path";
import { AppendLog, type LogFile, type LogRecord, readLog } from "./append_log.ts";
import { exitCodeOf } from "./cli.ts";
import { BadInput } from "./errors.ts";
import { inTemp } from "./test_support.ts";

const kind = { noun: "a thing", isRecord: (r: LogRecord) => typeof r.id === "number" };

/** A file on a disk with room for so many bytes; takes at most 100 at a time. */
class SmallDisk implements LogFile {
  bytes: number[] = [];
  constructor(public room: number) {}
  writeSync(bytes: Uint8Array): number {
    const n = Math.min(bytes.length, 100, this.room - this.bytes.length);
    if (n === 0) throw new Error("No space left on device (os error 28)");
    this.bytes.push(...bytes.subarray(0, n));
    return n;
  }
  truncateSync(length: number): void {
    this.bytes.length = length;
  }
  close(): void {}
}

Deno.test("append() takes back a half-written line when the disk is full, and says what is kept", () => {
  const disk = new SmallDisk(1500);
  const log = new AppendLog("things.jsonl", kind, disk);
  let kept = 0;
  assert.throws(
    () => {
      for (;;) {
        log.append({ id: kept, text: "x".repeat(300) });
        kept++;
      }
    },
    (e) =>
      exitCodeOf(e) === 2 &&
      /^Cannot log a thing to things\.jsonl .*No space left.*\(4 are kept/.test((e as Error).message),
  );
  const lines = new TextDecoder().decode(Uint8Array.from(disk.bytes)).split("\n");
  assert.equal(lines.pop(), "");
  assert.deepEqual(lines.map((line) => JSON.parse(line).id), [0, 1, 2, 3]);
});

Deno.test("open() cuts off a torn last line, goes on after the whole ones, and refuses what it must not touch", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "new", "things.jsonl");
    const first = await AppendLog.open(path, false, kind);
    first.log.append({ id: 1 });
    first.log.close();
    await assert.rejects(AppendLog.open(path, false, kind), /must not exist before the work begins/);
    await Deno.writeTextFile(path, '{"id":2,"te', { append: true });
    assert.deepEqual(await readLog(path, kind), [{ id: 1 }]);
    const second = await AppendLog.open(path, true, kind);
    assert.deepEqual(second.records, [{ id: 1 }]);
    second.log.append({ id: 3 });
    second.log.close();
    assert.deepEqual(await readLog(path, kind), [{ id: 1 }, { id: 3 }]);
    await Deno.writeTextFile(path, '{"name":"x"}\n', { append: true });
    await assert.rejects(readLog(path, kind), /must be the record of a thing: line 3 is/);
    await assert.rejects(readLog(join(dir, "none.jsonl"), kind), BadInput);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a log longer than what is read at once is read whole, but for its torn last line", () =>
  inTemp(async (dir) => {
    const path = join(dir, "things.jsonl");
    const { log } = await AppendLog.open(path, false, kind);
    const things = Array.from({ length: 3000 }, (_, id) => ({ id, text: "é".repeat(id % 1000) }));
    for (const thing of things) log.append(thing);
    log.close();
    const whole = (await Deno.stat(path)).size;
    assert.ok(whole > 2 * 2 ** 20);
    // Torn inside of a character.
    await Deno.writeFile(path, new TextEncoder().encode('{"id":3000,"text":"é').slice(0, -1), {
      append: true,
    });
    assert.deepEqual(await readLog(path, kind), things);
    const second = await AppendLog.open(path, true, kind);
    assert.deepEqual(second.records, things);
    assert.equal((await Deno.stat(path)).size, whole);
    second.log.append({ id: 3000 });
    second.log.close();
    assert.deepEqual((await readLog(path, kind)).slice(-2), [things[2999], { id: 3000 }]);
  }));
