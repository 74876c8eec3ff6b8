import assert from "node:assert/strict";
import { join } from "node:path";
import { exitCodeOf } from "../std/cli.ts";
import { ClosedLoopLoadGenerator } from "./closed_loop.ts";
import { answeredRecord } from "./request_record.ts";
import { type LogFile, readRequestRecords, RequestLog } from "./request_log.ts";
import { answer, examples } from "./test_target.ts";

const [example] = examples(1);
const record = answeredRecord(
  { requestId: "c1-0", example, repeat: 0, scheduledAt: 0, dispatchedAt: 0, doneAt: 30 },
  answer(0),
  0,
);

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
  const log = new RequestLog("requests.jsonl", disk);
  let kept = 0;
  assert.throws(
    () => {
      for (;;) {
        log.append(record);
        kept++;
      }
    },
    (e) => exitCodeOf(e) === 2 && new RegExp(`No space left.*\\(${kept} are kept`).test((e as Error).message),
  );
  assert.ok(kept >= 1);
  const lines = new TextDecoder().decode(Uint8Array.from(disk.bytes)).split("\n");
  assert.equal(lines.pop(), "");
  assert.equal(lines.length, kept);
  for (const line of lines) assert.equal(JSON.parse(line).request_id, "c1-0");
});

Deno.test("run() stops at a full disk, aborts what is in flight, and can be resumed", async () => {
  const dir = await Deno.makeTempDir();
  const { writeSync } = Deno.FsFile.prototype;
  try {
    const signals: AbortSignal[] = [];
    const options = {
      maxConcurrency: 3,
      numRequests: 9,
      data: examples(9),
      requestsPath: join(dir, "requests.jsonl"),
      onProgress: () => {},
    };
    const load = new ClosedLoopLoadGenerator({
      ...options,
      infer: (_, { signal }) => {
        signals.push(signal);
        return [2, 4].includes(signals.length) ? Promise.resolve(answer(0)) : new Promise(() => {});
      },
    });
    let written = 0;
    Deno.FsFile.prototype.writeSync = function (bytes) {
      if (written++ === 0) return writeSync.call(this, bytes);
      if (written === 2) return writeSync.call(this, bytes.subarray(0, 20));
      throw new Error("No space left on device (os error 28)");
    };
    await assert.rejects(load.run(), /Cannot log a request to .*No space left.*1 are kept.*--resume/);
    assert.equal(signals.length, 4);
    assert.ok(signals[0].aborted && signals[2].aborted);

    Deno.FsFile.prototype.writeSync = writeSync;
    assert.equal((await readRequestRecords(options.requestsPath)).length, 1);
    const infer = () => Promise.resolve(answer(0));
    assert.equal((await new ClosedLoopLoadGenerator({ ...options, infer, resume: true }).run()).length, 9);
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
    await Deno.remove(dir, { recursive: true });
  }
});
