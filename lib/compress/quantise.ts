/** Quantisation of rows in blocks: w ~ scale * (code - zero), one scale a block, and where it pays one zero too. */

/**
 * `nearest` is what runtimes' own tools do: the scale follows from the largest weight, the zero is the middle code.
 * `fit` searches for the scale, in 4 bits for the zero too, with the least squared error.
 */
export const ROUNDINGS = ["nearest", "fit"] as const;
export type Rounding = typeof ROUNDINGS[number];

export interface QuantisedRows {
  /** 8 bit: uint8 [rows, blocks * block]; 4 bit: two a byte, the low half first, [rows, blocks * block / 2]. */
  data: Uint8Array<ArrayBuffer>;
  /** float32 [rows, blocks] */
  scales: Float32Array<ArrayBuffer>;
  /** 4 bit, two a byte, the low half first, [rows, ceil(blocks / 2)]; null where each is the middle code. */
  zeros: Uint8Array<ArrayBuffer> | null;
  /** Sum of squared errors and of squared weights. */
  squaredError: number;
  squaredWeight: number;
}

export interface BlockLayout {
  bits: 4 | 8;
  /** Weights that share a scale; even. */
  block: number;
}

/** Says whether blocks get zeros of their own. */
export function hasZeros({ bits }: BlockLayout, rounding: Rounding): boolean {
  return bits === 4 && rounding === "fit";
}

/** A block at work, padded with zeros, and what was chosen for it. */
const state = { weights: new Float32Array(0), scale: 0, zero: 0, gain: 0 };

/**
 * Quantises rows; a row's last block is padded with zeros.
 * @param rows float32 [count, cols]
 * @throws {RangeError} where a weight is not finite.
 */
export function quantiseRows(
  rows: Float32Array,
  cols: number,
  { bits, block, rounding }: BlockLayout & { rounding: Rounding },
): QuantisedRows {
  const count = rows.length / cols, blocks = Math.ceil(cols / block);
  const middle = 1 << bits - 1, top = 2 * middle - 1;
  const data = new Uint8Array(count * blocks * block * bits / 8);
  const scales = new Float32Array(count * blocks);
  const zeroBytes = Math.ceil(blocks / 2);
  const zeros = hasZeros({ bits, block }, rounding) ? new Uint8Array(count * zeroBytes) : null;
  const choose = rounding === "nearest" ? chooseNearest : bits === 8 ? fitScale : fitScaleAndZero;
  const weights = state.weights = new Float32Array(block);
  let squaredError = 0, squaredWeight = 0;
  for (let r = 0, at = 0; r < count; r++) {
    for (let b = 0; b < blocks; b++) {
      const from = r * cols + b * block;
      if (b + 1 === blocks) weights.fill(0);
      weights.set(rows.subarray(from, Math.min(from + block, (r + 1) * cols)));
      choose(middle);
      const scale = scales[r * blocks + b] = state.scale, zero = state.zero;
      if (zeros) zeros[r * zeroBytes + (b >> 1)] |= zero << 4 * (b & 1);
      const inverse = scale === 0 ? 0 : 1 / scale, shift = zero + 0.5;
      for (let i = 0, half = 0; i < block; i++) {
        const w = weights[i];
        let code = w * inverse + shift;
        code = (code < 0 ? 0 : code > top ? top : code) | 0;
        const error = w - (code - zero) * scale;
        squaredError += error * error;
        squaredWeight += w * w;
        if (bits === 8) data[at++] = code;
        else if (i & 1) data[at++] = half | code << 4;
        else half = code;
      }
    }
  }
  if (!Number.isFinite(squaredWeight)) {
    throw new RangeError("Cannot quantise weights as each must be finite: one is not");
  }
  return { data, scales, zeros, squaredError, squaredWeight };
}

/** The weight of the largest magnitude gets code 0, so that the side of the middle with one code more is used. */
function chooseNearest(middle: number): void {
  const { weights } = state;
  let low = 0, high = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i];
    if (w < low) low = w;
    if (w > high) high = w;
  }
  state.scale = Math.fround((high > -low ? -high : -low) / middle);
  state.zero = middle;
  state.gain = 0;
}

/** Added and taken off again, it rounds a number to a whole one: 1.5 * 2^52. */
const ROUND = 6755399441055744;

/**
 * Rounds the block with a scale and a zero, and keeps the zero with the scale that suits these codes best where no
 * earlier trial left less error: the squared error is sum(w^2) - gain.
 */
function tryCodes(inverse: number, zero: number, top: number): void {
  const { weights } = state;
  const lowest = -zero, highest = top - zero;
  let wq = 0, qq = 0, wq2 = 0, qq2 = 0; // two sums each, so that an addition need not wait for the one before
  for (let i = 0; i < weights.length; i += 2) {
    const w = weights[i], w2 = weights[i + 1];
    let q = w * inverse + ROUND - ROUND, q2 = w2 * inverse + ROUND - ROUND;
    q = q < lowest ? lowest : q > highest ? highest : q;
    q2 = q2 < lowest ? lowest : q2 > highest ? highest : q2;
    wq += w * q;
    qq += q * q;
    wq2 += w2 * q2;
    qq2 += q2 * q2;
  }
  wq += wq2;
  qq += qq2;
  const gain = wq * wq / qq;
  if (gain > state.gain) {
    state.gain = gain;
    state.scale = Math.fround(wq / qq);
    state.zero = zero;
  }
}

/** 8 bit: the nearest scale and the one that spares code 0, each with its least-squares scale. */
function fitScale(middle: number): void {
  chooseNearest(middle);
  const { scale } = state;
  if (scale === 0) return;
  tryCodes(1 / scale, middle, 2 * middle - 1);
  tryCodes((middle - 1) / (middle * scale), middle, 2 * middle - 1);
}

/** Ranges of codes tried, relative to that of the weights: a few clipped weights often cost less than a coarse scale. */
const RANGES = [0.76, 0.84, 0.92, 1, 1.1];

/** 4 bit: besides the nearest scale, ranges about the middle of the weights, each with its nearest whole zero. */
function fitScaleAndZero(middle: number): void {
  chooseNearest(middle);
  const { weights, scale } = state;
  if (scale === 0) return;
  const top = 2 * middle - 1;
  let low = 0, high = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i];
    if (w < low) low = w;
    if (w > high) high = w;
  }
  tryCodes(1 / scale, middle, top);
  for (const range of RANGES) {
    const inverse = top / (range * (high - low));
    const zero = Math.round(top / 2 - (high + low) / 2 * inverse);
    tryCodes(inverse, zero < 0 ? 0 : zero > top ? top : zero, top);
  }
}
