/** Protocol buffers, as far as ONNX files need them: varints, and fields that hold bytes. */

const encoder = new TextEncoder();

/** Builds one message. Fields are written in the order of the calls. */
export class ProtoWriter {
  readonly #bytes: number[] = [];

  /** A varint field (int32, int64, bool, enum); negative values take ten bytes. */
  int(field: number, value: number | bigint): this {
    this.#varint(field << 3);
    this.#varint(value);
    return this;
  }

  /** A 32-bit float field. */
  float(field: number, value: number): this {
    this.#varint(field << 3 | 5);
    this.#append(new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  /** A string, bytes or message field. */
  bytes(field: number, value: string | Uint8Array | ProtoWriter): this {
    const data = typeof value === "string"
      ? encoder.encode(value)
      : value instanceof ProtoWriter
      ? value.finish()
      : value;
    this.#varint(field << 3 | 2);
    this.#varint(data.length);
    this.#append(data);
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  #append(data: Uint8Array): void {
    for (const byte of data) this.#bytes.push(byte);
  }

  #varint(value: number | bigint): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      this.#bytes.push(rest > 0n ? low | 0x80 : low);
    } while (rest > 0n);
  }
}
