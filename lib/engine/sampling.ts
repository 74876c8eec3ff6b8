/**
 * From logits to a token: greedy, or drawn with temperature, top-k and top-p from the request's own random
 * numbers, so that what else is in the batch can't change the draw.
 */
import { createRandom } from "../math/random.ts";
import type { SamplingOptions } from "../types/mod.ts";

/** @throws {RangeError} where an option is out of its range. */
export function checkSampling(options: SamplingOptions): void {
  const { maxTokens, temperature = 0, topP = 1, topK = 0, seed = 0, stop = [] } = options;
  const { minTokens = 0, logprobs = 0, promptLogprobs = 0 } = options;
  const isCount = (value: number) => Number.isInteger(value) && value >= 0;
  const rules: [name: string, value: unknown, ok: boolean, rule: string][] = [
    ["maxTokens", maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, "a whole number of at least 1"],
    ["temperature", temperature, temperature >= 0 && temperature < Infinity, "a number of at least 0"],
    ["topP", topP, topP > 0 && topP <= 1, "above 0 and at most 1"],
    ["topK", topK, isCount(topK), "a whole number of at least 0"],
    ["seed", seed, Number.isSafeInteger(seed), "a whole number below 2^53"],
    ["stop", stop, !stop.includes(""), "strings that are not empty"],
    ["minTokens", minTokens, isCount(minTokens), "a whole number of at least 0"],
    ["logprobs", logprobs, isCount(logprobs), "a whole number of at least 0"],
    ["promptLogprobs", promptLogprobs, isCount(promptLogprobs), "a whole number of at least 0"],
  ];
  for (const [name, value, ok, rule] of rules) {
    if (!ok) {
      throw new RangeError(`Cannot sample as ${name} must be ${rule}: it is ${JSON.stringify(value)}`);
    }
  }
}

/** Makes the function that chooses a token id from logits, float32 [vocab]. */
export function createSampler(options: SamplingOptions): (logits: Float32Array) => number {
  const { temperature = 0, topK = 0, topP = 1 } = options;
  if (temperature === 0) return argmax;
  const random = createRandom(options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  return (logits) => draw(logits, temperature, topK, topP, random.float());
}

/**
 * Index of the largest value, the first of equal ones.
 * @throws {RangeError} where no value is finite.
 */
export function argmax(values: Float32Array): number {
  let best = -Infinity, at = -1, i = 0;
  const scan = (end: number) => {
    for (; i < end; i++) {
      if (values[i] > best) {
        best = values[i];
        at = i;
      }
    }
  };
  // Eight compares and one branch to the common end take 0.4 of the time of a loop over single values.
  for (const whole = values.length - values.length % 8; i < whole;) {
    if (
      values[i] > best || values[i + 1] > best || values[i + 2] > best || values[i + 3] > best ||
      values[i + 4] > best || values[i + 5] > best || values[i + 6] > best || values[i + 7] > best
    ) scan(i + 8);
    else i += 8;
  }
  scan(values.length);
  if (at < 0 || best === Infinity) {
    throw new RangeError(`Cannot choose a token as the logits must be finite: the first is ${values[0]}`);
  }
  return at;
}

/** Weights e^-d fall into buckets by d: an eighth each, the last one open. */
const BUCKETS = 512;
const counts = new Uint32Array(BUCKETS), masses = new Float64Array(BUCKETS);
/** Working memory of `draw`, which is never entered twice at once. */
let weights = new Float64Array(0), buckets = new Uint16Array(0);

/** Draws a token id; `u` is a random number from [0, 1). */
function draw(logits: Float32Array, temperature: number, topK: number, topP: number, u: number): number {
  const size = logits.length;
  const best = argmax(logits), max = logits[best];
  if (weights.length < size) {
    weights = new Float64Array(size);
    buckets = new Uint16Array(size);
  }
  counts.fill(0);
  masses.fill(0);
  let total = 0;
  for (let i = 0; i < size; i++) {
    const depth = (max - logits[i]) / temperature;
    const weight = weights[i] = Math.exp(-depth);
    const bucket = buckets[i] = Math.min(BUCKETS - 1, 8 * depth) | 0;
    counts[bucket]++;
    masses[bucket] += weight;
    total += weight;
  }
  let cut: Cut = { weight: 0, id: size, mass: total };
  if (topK > 0 && topK < size) cut = cutAt(size, topK, Infinity);
  if (topP < 1) cut = cutAt(size, Infinity, topP * cut.mass);
  let left = u * cut.mass;
  for (let i = 0; i < size; i++) {
    if (weights[i] < cut.weight || (weights[i] === cut.weight && i > cut.id)) continue;
    if ((left -= weights[i]) < 0) return i;
  }
  return best; // rounding alone leads here
}

/** The last token that may be drawn, by falling weight (equal ones by rising id), and the weight up to it. */
interface Cut {
  weight: number;
  id: number;
  mass: number;
}

/** The fewest likeliest tokens that reach a count or a mass. */
function cutAt(size: number, count: number, mass: number): Cut {
  let bucket = 0, countBefore = 0, sum = 0;
  while (
    bucket < BUCKETS - 1 && countBefore + counts[bucket] < count && sum + masses[bucket] < mass
  ) {
    countBefore += counts[bucket];
    sum += masses[bucket++];
  }
  const ids: number[] = [];
  for (let i = 0; i < size; i++) if (buckets[i] === bucket) ids.push(i);
  ids.sort((a, b) => weights[b] - weights[a] || a - b);
  let n = 0;
  do sum += weights[ids[n++]]; while (n < ids.length && countBefore + n < count && sum < mass);
  const id = ids[n - 1];
  return { weight: weights[id], id, mass: sum };
}

/** Natural log of the sum of exponentials: a token's log-probability is its logit less this. */
export function logSumExp(logits: Float32Array): number {
  const max = logits[argmax(logits)];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - max);
  return max + Math.log(sum);
}

/** The `count` likeliest tokens with their log-probabilities, falling; equal ones by rising id. */
export function topLogprobs(
  logits: Float32Array,
  count: number,
  logTotal = logSumExp(logits),
): [tokenId: number, logprob: number][] {
  const ids: number[] = [];
  for (let i = 0; i < logits.length && count > 0; i++) {
    if (ids.length === count && logits[i] <= logits[ids[count - 1]]) continue;
    let at = ids.length === count ? count - 1 : ids.length;
    for (; at > 0 && logits[ids[at - 1]] < logits[i]; at--) ids[at] = ids[at - 1];
    ids[at] = i;
  }
  return ids.map((id) => [id, logits[id] - logTotal]);
}
