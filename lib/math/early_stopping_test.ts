import assert from "node:assert/strict";
import { binomialCdf, disprovesShare, fewestRequests, provesShare } from "./early_stopping.ts";
import { createRandom } from "./random.ts";

Deno.test("fewestRequests() gives MLPerf's table", () => {
  const table: [share: number, fewest: number[]][] = [
    [0.99, [459, 662, 838, 1307, 2010, 12571]],
    [0.95, [90, 130, 165, 259, 398, 2504]],
    [0.9, [44, 64, 81, 127, 197, 1246]],
  ];
  for (const [share, fewest] of table) {
    assert.deepEqual([0, 1, 2, 5, 10, 100].map((violations) => fewestRequests(violations, share)), fewest);
  }
});

Deno.test("binomialCdf() equals the sum of exact terms", () => {
  const choose = (n: number, k: number): number => k === 0 ? 1 : choose(n - 1, k - 1) * n / k;
  for (const [n, p] of [[10, 0.1], [20, 0.5], [30, 0.97]]) {
    let sum = 0;
    for (let k = 0; k <= n; k++) {
      sum += choose(n, k) * p ** k * (1 - p) ** (n - k);
      assert.ok(Math.abs(binomialCdf(k, n, p) - sum) < 1e-12);
    }
    assert.equal(binomialCdf(-1, n, p), 0);
  }
});

Deno.test("a sample never proves and disproves the same share, and none proves nothing", () => {
  for (const p of [0.5, 0.9, 0.99]) {
    assert.equal(provesShare(0, 0, p) || disprovesShare(0, 0, p), false);
    for (let n = 1; n < 300; n += 7) {
      for (let t = 0; t <= n; t++) assert.ok(!(provesShare(t, n, p) && disprovesShare(t, n, p)));
    }
  }
  assert.equal(disprovesShare(3, 3, 0.9), true); // 0.1^3
  assert.equal(disprovesShare(1, 1, 0.9), false);
  assert.equal(disprovesShare(1, 1, 0.99), true);
});

Deno.test("one look at a share that is exactly the limit is wrong in at most 1% of the samples, either way", () => {
  const random = createRandom(11), p = 0.9, rounds = 4000;
  let proven = 0, disproven = 0;
  for (let round = 0; round < rounds; round++) {
    let violations = 0;
    for (let i = 0; i < 197; i++) if (random.float() >= p) violations++;
    if (provesShare(violations, 197, p)) proven++;
    if (disprovesShare(violations, 197, p)) disproven++;
  }
  const most = rounds * 0.01 + 5 * Math.sqrt(rounds * 0.01);
  assert.ok(proven > 0 && proven < most && disproven > 0 && disproven < most, `${proven} ${disproven}`);
});
