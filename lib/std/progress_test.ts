import assert from "node:assert/strict";
import { Progress } from "./progress.ts";

function run(terminal: boolean, total: number | undefined, updates: number[]): string {
  let text = "", at = 0;
  const progress = new Progress({
    label: "requests",
    total,
    every: 100,
    terminal,
    now: () => at,
    write: (t) => text += t,
  });
  for (const u of updates) {
    at += 1000;
    progress.update(u);
  }
  progress.finish();
  return text;
}

Deno.test("Progress prints a plain line every 100 units with rate and ETA off a terminal", () => {
  assert.equal(
    run(false, 250, [50, 100, 150, 250]),
    "  Progress: requests 100/250 (50.0/sec, ETA: 3.0s)\n  Progress: requests 250/250 (62.5/sec, ETA: 0.0s)\n",
  );
});

Deno.test("Progress draws one bar in place on a terminal", () => {
  const text = run(true, 4, [1, 4]);
  // deno-lint-ignore no-control-regex
  assert.match(text, /\r\x1b\[2K\[######\.{18}\] requests 1\/4/);
  assert.equal(text.split("\n").length, 2);
  assert.ok(text.endsWith(`[${"#".repeat(24)}] requests 4/4 (2.0/sec, ETA: 0.0s)\n`));
});

Deno.test("Progress counts without a total", () => {
  assert.match(run(false, undefined, [100]), /requests 100 \(100.0\/sec\)/);
});
