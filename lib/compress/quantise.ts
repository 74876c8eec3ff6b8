/** Symmetric quantisation of rows in blocks: w ~ scale * (q - 2^(bits-1)), one scale a block. */

/** `nearest` takes the scale from the largest weight; `fit` takes the one with the least squared error. */
export const ROUNDINGS = ["nearest", "fit"] as const;
export type Rounding = typeof ROUNDINGS[number];

export interface QuantisedRows {
  /** 8 bit: uint8 [rows, blocks * block]; 4 bit: two a byte, the low half first, [rows, blocks * block / 2]. */
  data: Uint8Array<ArrayBuffer>;
  /** float32 [rows, blocks] */
  scales: Float32Array<ArrayBuffer>;
  /** Sum of squared errors and of squared weights. */
  squaredError: number;
  squaredWeight: number;
}

/**
 * Quantises rows; a row's last block is padded with zeros.
 * @param rows float32 [count, cols]
 * @throws {RangeError} where a weight is not finite.
 */
export function quantiseRows(
  rows: Float32Array,
  cols: number,
  { bits, block, rounding }: { bits: 4 | 8; block: number; rounding: Rounding },
): QuantisedRows {
  const count = rows.length / cols, blocks = Math.ceil(cols / block), zero = 1 << bits - 1;
  const perByte = 8 / bits;
  const data = new Uint8Array(count * blocks * block / perByte).fill(bits === 8 ? zero : zero << 4 | zero);
  const scales = new Float32Array(count * blocks);
  let squaredError = 0, squaredWeight = 0;
  for (let r = 0, b = 0; r < count; r++) {
    for (let k = 0; k < blocks; k++, b++) {
      const from = r * cols + k * block, to = Math.min(from + block, (r + 1) * cols);
      const scale = rounding === "fit" ? fitScale(rows, from, to, zero) : nearestScale(rows, from, to, zero);
      scales[b] = scale;
      const inverse = scale === 0 ? 0 : 1 / scale;
      for (let i = from, at = b * block; i < to; i++, at++) {
        const w = rows[i];
        let q = Math.round(w * inverse);
        q = q < -zero ? -zero : q > zero - 1 ? zero - 1 : q;
        const error = w - q * scale;
        squaredError += error * error;
        squaredWeight += w * w;
        if (bits === 8) data[at] = q + zero;
        else {data[at >> 1] = at & 1
            ? data[at >> 1] & 0x0f | (q + zero) << 4
            : data[at >> 1] & 0xf0 | (q + zero);}
      }
    }
  }
  if (!Number.isFinite(squaredWeight)) {
    throw new RangeError("Cannot quantise weights as each must be finite: one is not");
  }
  return { data, scales, squaredError, squaredWeight };
}

/** The weight of the largest magnitude becomes -zero, so that the wider, negative side is used. */
function nearestScale(rows: Float32Array, from: number, to: number, zero: number): number {
  let extreme = 0;
  for (let i = from; i < to; i++) if (Math.abs(rows[i]) > Math.abs(extreme)) extreme = rows[i];
  return Math.fround(-extreme / zero);
}

const scratch = new Float32Array(512);

/**
 * Tries scales around the nearest one; for the integers that each gives, the best scale is their least-squares fit.
 * @see ggml `make_qx_quants`
 */
function fitScale(rows: Float32Array, from: number, to: number, zero: number): number {
  const start = nearestScale(rows, from, to, zero);
  if (start === 0) return 0;
  const n = to - from;
  for (let i = 0; i < n; i++) scratch[i] = rows[from + i];
  const [tries, step] = zero === 8 ? [9, 0.1] : [2, 0.5];
  let best = start, bestGain = -Infinity;
  for (let t = -tries; t <= tries; t++) {
    const inverse = (zero + step * t) / (zero * start);
    let wq = 0, qq = 0;
    for (let i = 0; i < n; i++) {
      const w = scratch[i];
      let q = Math.round(w * inverse);
      q = q < -zero ? -zero : q > zero - 1 ? zero - 1 : q;
      wq += w * q;
      qq += q * q;
    }
    // With the least-squares scale wq / qq the squared error is sum(w^2) - wq^2 / qq.
    const gain = qq > 0 ? wq * wq / qq : -Infinity;
    if (gain > bestGain) {
      bestGain = gain;
      best = wq / qq;
    }
  }
  return Math.fround(best);
}
