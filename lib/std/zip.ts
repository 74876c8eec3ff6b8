/** Reads one entry of a zip file as a stream, so that a wheel of any size costs no memory. */
import { BadInput } from "./errors.ts";

export interface ZipEntry {
  name: string;
  /** Bytes, unpacked. */
  size: number;
  /** The entry's bytes, unpacked. Its checksum is not compared: callers know a stronger hash. */
  stream(): ReadableStream<Uint8Array>;
}

const END = 0x06054b50, CENTRAL = 0x02014b50;
/** The end record and the longest comment behind it. */
const END_BYTES = 22 + 0xffff;
const STORED = 0, DEFLATED = 8;

function invalid(path: string, state: string): BadInput {
  return new BadInput(`Cannot read ${path} as it must be a whole zip file: ${state}`);
}

/** @throws {BadInput} where the file ends before `length` bytes. */
async function readAt(path: string, file: Deno.FsFile, offset: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const n = await file.read(bytes.subarray(at));
    if (n === null) throw invalid(path, `it ends at byte ${offset + at}`);
    at += n;
  }
  return new DataView(bytes.buffer);
}

/**
 * Lists the entries of a zip file.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 * @throws {BadInput} where it is not a zip file, or one over 4 GB.
 */
export async function readZip(path: string): Promise<ZipEntry[]> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const tailStart = Math.max(0, size - END_BYTES);
  const tail = await readAt(path, file, tailStart, size - tailStart);
  // The end record's comment reaches to the end of the file: a look-alike inside the comment does not.
  const isEnd = (at: number) =>
    tail.getUint32(at, true) === END && at + 22 + tail.getUint16(at + 20, true) === tail.byteLength;
  let end = tail.byteLength - 22;
  while (end >= 0 && !isEnd(end)) end--;
  if (end < 0) throw invalid(path, "it has no table of contents");

  const count = tail.getUint16(end + 10, true);
  const [length, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (count === 0xffff || start === 0xffffffff) throw invalid(path, "it is in the format for over 4 GB");
  const table = await readAt(path, file, start, length);
  const entries: ZipEntry[] = [];
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > length || table.getUint32(at, true) !== CENTRAL) {
      throw invalid(path, `entry ${i} of its table of contents is damaged`);
    }
    const u16 = (offset: number) => table.getUint16(at + offset, true);
    const u32 = (offset: number) => table.getUint32(at + offset, true);
    const name = new TextDecoder().decode(new Uint8Array(table.buffer, at + 46, u16(28)));
    const [method, packedSize, size, header] = [u16(10), u32(20), u32(24), u32(42)];
    entries.push({ name, size, stream: () => unpack(path, name, method, header, packedSize) });
    at += 46 + u16(28) + u16(30) + u16(32);
  }
  return entries;
}

function unpack(
  path: string,
  name: string,
  method: number,
  header: number,
  packedSize: number,
): ReadableStream<Uint8Array> {
  if (method !== STORED && method !== DEFLATED) {
    throw invalid(path, `${name} is packed with method ${method}, not with deflate`);
  }
  const packed = ReadableStream.from(packedBytes(path, header, packedSize));
  return method === STORED ? packed : packed.pipeThrough(new DecompressionStream("deflate-raw"));
}

async function* packedBytes(path: string, header: number, size: number) {
  using file = await Deno.open(path);
  const local = await readAt(path, file, header, 30);
  let offset = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  for (let left = size; left > 0;) {
    const length = Math.min(left, 1 << 20);
    yield new Uint8Array((await readAt(path, file, offset, length)).buffer as ArrayBuffer);
    offset += length;
    left -= length;
  }
}
