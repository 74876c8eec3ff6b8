/**
 * How weights lie in files, as blocks: `Q4_0`, for instance, packs 32 weights into 18 bytes, a float16 scale
 * and 16 bytes of two 4-bit numbers. Plain floats are blocks of one weight.
 *
 * Values equal those of `gguf.quants.dequantize` bit for bit: a scale times a quantised number is exact in
 * float32, so each weight is rounded once.
 * @see https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/quants.py
 */

/** Writes the weights of `count` blocks, read from `source` at byte 0, to the start of `out`. */
type Dequantise = (source: Uint8Array, count: number, out: Float32Array) => void;

export interface BlockType {
  /** Weights in a block. */
  weights: number;
  /** Bytes of a block. */
  bytes: number;
  dequantise: Dequantise;
}

/** float32 value of each float16 bit pattern. */
const HALF = new Float32Array(new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer));

const half = (source: Uint8Array, at: number) => HALF[source[at] | source[at + 1] << 8];

function copyF32(source: Uint8Array, count: number, out: Float32Array): void {
  new Uint8Array(out.buffer, out.byteOffset, 4 * count).set(source.subarray(0, 4 * count));
}

function dequantiseF16(source: Uint8Array, count: number, out: Float32Array): void {
  for (let i = 0; i < count; i++) out[i] = HALF[source[2 * i] | source[2 * i + 1] << 8];
}

function dequantiseBF16(source: Uint8Array, count: number, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, count);
  for (let i = 0; i < count; i++) bits[i] = source[2 * i] << 16 | source[2 * i + 1] << 24;
}

/** f16 d, 32 x i8 q: d q. */
function dequantiseQ8_0(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 34, to += 32) {
    const d = half(source, at);
    for (let i = 0; i < 32; i++) out[to + i] = d * (source[at + 2 + i] << 24 >> 24);
  }
}

/** f16 d, 16 x two u4 q (low halves are the first 16 weights): d (q - 8). */
function dequantiseQ4_0(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 18, to += 32) {
    const d = half(source, at);
    for (let i = 0; i < 16; i++) {
      const q = source[at + 2 + i];
      out[to + i] = d * ((q & 15) - 8);
      out[to + i + 16] = d * ((q >> 4) - 8);
    }
  }
}

/** f16 d, f16 m, 16 x two u4 q: d q + m. */
function dequantiseQ4_1(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 20, to += 32) {
    const d = half(source, at), m = half(source, at + 2);
    for (let i = 0; i < 16; i++) {
      const q = source[at + 4 + i];
      out[to + i] = d * (q & 15) + m;
      out[to + i + 16] = d * (q >> 4) + m;
    }
  }
}

/** f16 d, u32 fifth bits, 16 x two u4: d (q - 16). */
function dequantiseQ5_0(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 22, to += 32) {
    const d = half(source, at);
    const high = source[at + 2] | source[at + 3] << 8 | source[at + 4] << 16 | source[at + 5] << 24;
    for (let i = 0; i < 16; i++) {
      const q = source[at + 6 + i];
      out[to + i] = d * ((q & 15 | (high >> i & 1) << 4) - 16);
      out[to + i + 16] = d * ((q >> 4 | (high >> i + 16 & 1) << 4) - 16);
    }
  }
}

/** f16 d, f16 m, u32 fifth bits, 16 x two u4: d q + m. */
function dequantiseQ5_1(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 24, to += 32) {
    const d = half(source, at), m = half(source, at + 2);
    const high = source[at + 4] | source[at + 5] << 8 | source[at + 6] << 16 | source[at + 7] << 24;
    for (let i = 0; i < 16; i++) {
      const q = source[at + 8 + i];
      out[to + i] = d * (q & 15 | (high >> i & 1) << 4) + m;
      out[to + i + 16] = d * (q >> 4 | (high >> i + 16 & 1) << 4) + m;
    }
  }
}

/** 16 x (u4 scale, u4 minimum), 64 bytes of four u2, f16 d, f16 dmin: d scale q - dmin minimum, per 16. */
function dequantiseQ2_K(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 84) {
    const d = half(source, at + 80), dmin = half(source, at + 82);
    for (let g = 0; g < 16; g++) {
      const scale = d * (source[at + g] & 15), minimum = dmin * (source[at + g] >> 4);
      const quants = at + 16 + (g >> 3) * 32 + (g & 1) * 16, shift = g & 6;
      for (let i = 0; i < 16; i++) out[to++] = scale * (source[quants + i] >> shift & 3) - minimum;
    }
  }
}

/** 32 bytes of third bits, 64 bytes of four u2, 16 x u6 scale in 12 bytes, f16 d: d (scale - 32) (q - 4). */
function dequantiseQ3_K(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 110) {
    const d = half(source, at + 108);
    for (let g = 0; g < 16; g++) {
      const low = source[at + 96 + (g & 7)] >> (g >> 3) * 4 & 15;
      const high = source[at + 104 + (g & 3)] >> (g >> 2) * 2 & 3;
      const scale = d * ((low | high << 4) - 32);
      const masks = at + (g & 1) * 16, bit = g >> 1;
      const quants = at + 32 + (g >> 3) * 32 + (g & 1) * 16, shift = g & 6;
      for (let i = 0; i < 16; i++) {
        out[to++] = scale * ((source[quants + i] >> shift & 3 | (source[masks + i] >> bit & 1) << 2) - 4);
      }
    }
  }
}

/** 6-bit scale of group g (of 8) in the 12 bytes of Q4_K and Q5_K. */
function scaleK(source: Uint8Array, at: number, g: number): number {
  return g < 4 ? source[at + g] & 63 : source[at + 4 + g] & 15 | source[at + g - 4] >> 2 & 48;
}
/** 6-bit minimum of group g. */
function minimumK(source: Uint8Array, at: number, g: number): number {
  return g < 4 ? source[at + 4 + g] & 63 : source[at + 4 + g] >> 4 | source[at + g] >> 2 & 48;
}

/** f16 d, f16 dmin, 8 x (u6 scale, u6 minimum) in 12 bytes, 128 bytes of two u4, per 32. */
function dequantiseQ4_K(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 144) {
    const d = half(source, at), dmin = half(source, at + 2);
    for (let g = 0; g < 8; g++) {
      const scale = d * scaleK(source, at + 4, g), minimum = dmin * minimumK(source, at + 4, g);
      const quants = at + 16 + (g >> 1) * 32, shift = (g & 1) * 4;
      for (let i = 0; i < 32; i++) out[to++] = scale * (source[quants + i] >> shift & 15) - minimum;
    }
  }
}

/** As Q4_K, with 32 bytes of fifth bits before the quants. */
function dequantiseQ5_K(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 176) {
    const d = half(source, at), dmin = half(source, at + 2);
    for (let g = 0; g < 8; g++) {
      const scale = d * scaleK(source, at + 4, g), minimum = dmin * minimumK(source, at + 4, g);
      const quants = at + 48 + (g >> 1) * 32, shift = (g & 1) * 4;
      for (let i = 0; i < 32; i++) {
        const q = source[quants + i] >> shift & 15 | (source[at + 16 + i] >> g & 1) << 4;
        out[to++] = scale * q - minimum;
      }
    }
  }
}

/** 128 bytes of two u4, 64 bytes of four u2 (high bits), 16 x i8 scale, f16 d: d scale (q - 32), per 16. */
function dequantiseQ6_K(source: Uint8Array, count: number, out: Float32Array): void {
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 210) {
    const d = half(source, at + 208);
    for (let g = 0; g < 16; g++) {
      const scale = d * (source[at + 192 + g] << 24 >> 24);
      const lows = at + (g >> 3) * 64 + (g & 3) * 16, lowShift = g & 4;
      const highs = at + 128 + (g >> 3) * 32 + (g & 1) * 16, highShift = g & 6;
      for (let i = 0; i < 16; i++) {
        const q = source[lows + i] >> lowShift & 15 | (source[highs + i] >> highShift & 3) << 4;
        out[to++] = scale * (q - 32);
      }
    }
  }
}

/** The block types that are read, by GGML's names. */
export const BLOCK_TYPES: Readonly<Record<string, BlockType>> = {
  F32: { weights: 1, bytes: 4, dequantise: copyF32 },
  F16: { weights: 1, bytes: 2, dequantise: dequantiseF16 },
  BF16: { weights: 1, bytes: 2, dequantise: dequantiseBF16 },
  Q4_0: { weights: 32, bytes: 18, dequantise: dequantiseQ4_0 },
  Q4_1: { weights: 32, bytes: 20, dequantise: dequantiseQ4_1 },
  Q5_0: { weights: 32, bytes: 22, dequantise: dequantiseQ5_0 },
  Q5_1: { weights: 32, bytes: 24, dequantise: dequantiseQ5_1 },
  Q8_0: { weights: 32, bytes: 34, dequantise: dequantiseQ8_0 },
  Q2_K: { weights: 256, bytes: 84, dequantise: dequantiseQ2_K },
  Q3_K: { weights: 256, bytes: 110, dequantise: dequantiseQ3_K },
  Q4_K: { weights: 256, bytes: 144, dequantise: dequantiseQ4_K },
  Q5_K: { weights: 256, bytes: 176, dequantise: dequantiseQ5_K },
  Q6_K: { weights: 256, bytes: 210, dequantise: dequantiseQ6_K },
};
