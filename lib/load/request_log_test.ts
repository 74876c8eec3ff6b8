import assert from "node:assert/strict";
import { join } from "node:path";
import { ClosedLoopLoadGenerator } from "./closed_loop.ts";
import { readRequestRecords } from "./request_log.ts";
import { answer, examples } from "./testing/target.ts";

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
