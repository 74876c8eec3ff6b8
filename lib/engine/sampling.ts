/**
 * From logits to a token: greedy, or drawn with temperature, top-k and top-p from the request's own random
 * numbers, so that what else is in the batch can't change the draw.
 */
import { createRandom } from "../math/random.ts";
import type { SamplingOptions } from "../types/mod.ts";

/** @throws {RangeError} where an option is out of its range. */
export function checkSampling(options: SamplingOptions): void {
  const { maxTokens, temperature = 0, topP = 1, topK = 0, seed = 0, stop = [], logprobs = 0 } = options;
  const rules: [name: string, value: unknown, ok: boolean, rule: string][] = [
    ["maxTokens", maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, "a whole number of at least 1"],
    ["temperature", temperature, temperature >= 0 && temperature < Infinity, "a number of at least 0"],
    ["topP", topP, topP > 0 && topP <= 1, "above 0 and at most 1"],
    ["topK", topK, Number.isInteger(topK) && topK >= 0, "a whole number of at least 0"],
    ["seed", seed, Number.isSafeInteger(seed), "a whole number below 2^53"],
    ["stop", stop, !stop.includes(""), "strings that are not empty"],
    ["logprobs", logprobs, Number.isInteger(logprobs) && logprobs >= 0, "a whole number of at least 0"],
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
  let best = -Infinity, at = -1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value > best) {
      best = value;
      at = i;
    }
  }
  if (at < 0 || best === Infinity) {
    throw new RangeError(`Cannot choose a token as the logits must be finite: the first is ${values[0]}`);
  }
  return at;
}

/** Working memory of `draw`, which is never entered twice at once. */
let scratch = new Float64Array(0);

/** Draws a token id; `u` is a random number from [0, 1). */
function draw(logits: Float32Array, temperature: number, topK: number, topP: number, u: number): number {
  const size = logits.length;
  const max = logits[argmax(logits)];
  if (scratch.length < size) scratch = new Float64Array(size);
  const weights = scratch.subarray(0, size);
  let total = 0;
  for (let i = 0; i < size; i++) total += weights[i] = Math.exp((logits[i] - max) / temperature);
  if (topP === 1 && (topK === 0 || topK >= size)) {
    let left = u * total;
    for (let i = 0; i < size; i++) if ((left -= weights[i]) < 0) return i;
    return argmax(logits); // rounding alone leads here
  }
  const ids = likeliest(weights, total, topK || size, topP);
  let left = u * ids.reduce((sum, id) => sum + weights[id], 0);
  for (const id of ids) if ((left -= weights[id]) < 0) return id;
  return ids[0];
}

/**
 * Ids by falling weight (equal ones by rising id): the first `count`, of those the fewest whose weight reaches
 * `share` of theirs.
 */
function likeliest(weights: Float64Array, total: number, count: number, share: number): number[] {
  // Few weights hold nearly all of the mass: sort those above a bound, and lower it only where they don't do.
  for (let bound = 1e-3;; bound = bound < 1e-12 ? 0 : bound * 1e-3) {
    const ids: number[] = [];
    for (let i = 0; i < weights.length; i++) if (weights[i] >= bound) ids.push(i);
    ids.sort((a, b) => weights[b] - weights[a] || a - b);
    const top = ids.slice(0, count);
    if (count < weights.length && top.length < count && bound > 0) continue;
    const mass = count < weights.length ? top.reduce((sum, id) => sum + weights[id], 0) : total;
    let sum = 0;
    const end = share === 1 ? -1 : top.findIndex((id) => (sum += weights[id]) >= share * mass);
    if (end >= 0) return top.slice(0, end + 1);
    if (bound === 0 || (share === 1 && top.length === count)) return top;
  }
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
