import assert from "node:assert/strict";
import { clusteredStandardError, mean, pairedDifference, std, wilson } from "./stats.ts";

const near = (a: number | null | undefined, b: number, eps = 1e-9) =>
  assert.ok(a != null && Math.abs(a - b) <= eps, `${a} is not near ${b}`);

Deno.test("mean() and std() are those of a sample, null where there are too few values", () => {
  near(mean([2, 4, 4, 4, 5, 5, 7, 9]), 5);
  near(std([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7));
  near(std([1e9 + 1, 1e9 + 2, 1e9 + 3]), 1);
  assert.deepEqual([mean([]), std([]), std([1])], [null, null, null]);
});

Deno.test("wilson() gives the published intervals", () => {
  // Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29
  const cases: [number, number, number, number][] = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ];
  for (const [k, n, low, high] of cases) {
    near(wilson(k, n)?.[0], low, 5e-5);
    near(wilson(k, n)?.[1], high, 5e-5);
  }
  assert.equal(wilson(20, 20)?.[1], 1);
  assert.equal(wilson(0, 0), null);
});

Deno.test("clusteredStandardError() is the plain one for clusters of one, larger for clusters that agree", () => {
  const values = [1, 0, 1, 0];
  near(clusteredStandardError(values, ["a", "b", "c", "d"]), Math.sqrt(4 * 0.25) / 4);
  near(clusteredStandardError(values, ["a", "b", "a", "b"]), Math.sqrt(2) / 4);
  near(clusteredStandardError(values, ["a", "a", "b", "b"]), 0);
  assert.equal(clusteredStandardError([], []), null);
});

Deno.test("pairedDifference() counts flips and gives McNemar's exact p-value", () => {
  const first = [...Array(10).fill(true), ...Array(2).fill(false), true, false];
  const second = [...Array(10).fill(false), ...Array(2).fill(true), true, false];
  const result = pairedDifference(first, second);
  assert.deepEqual([result.rightToWrong, result.wrongToRight], [10, 2]);
  near(result.difference, -8 / 14);
  near(result.pValue, 2 * (1 + 12 + 66) / 4096);
  assert.equal(pairedDifference([true], [true]).pValue, 1);
  assert.throws(() => pairedDifference([true], []), RangeError);
});

Deno.test("pairedDifference() gives the interval and the p-value that R's contingencytables gives", () => {
  // Cavo et al. 2012, complete response: 59 and 80 of 161 stay, 16 and 6 change
  const first = [...Array(75).fill(true), ...Array(86).fill(false)];
  const second = [
    ...Array(59).fill(true),
    ...Array(16).fill(false),
    ...Array(6).fill(true),
    ...Array(80).fill(false),
  ];
  const { difference, interval: [lower, upper], pValue } = pairedDifference(first, second);
  near(difference, -0.0621, 5e-5);
  near(lower, -0.1195, 5e-5);
  near(upper, -0.0032, 5e-5);
  near(pValue, 0.052479, 5e-7);
});

Deno.test("pairedDifference() is not certain where no answer flips", () => {
  const { difference, interval: [lower, upper] } = pairedDifference(
    Array(60).fill(true),
    Array(60).fill(true),
  );
  assert.equal(difference, 0);
  near(upper, -lower);
  near(upper, 1.959963984540054 * Math.sqrt(2) / 62);
});
