/** Lines of files that may be larger than a string can be. */

/** What `readLines` found besides lines. */
export interface LinesRead {
  /** Bytes up to the end of the last line that has one. */
  wholeBytes: number;
  /** What stands behind it: a last line without an end, or nothing. */
  rest: string;
}

/**
 * Reads a file of UTF-8 text block by block.
 * @param onLine sees each line that has an end, without it, and its number from 1
 * @throws {Deno.errors.NotFound} where there is no such file; whatever `onLine` throws.
 */
export async function readLines(
  path: string,
  onLine: (line: string, number: number) => void,
  blockBytes = 1 << 20,
): Promise<LinesRead> {
  using file = await Deno.open(path);
  const block = new Uint8Array(blockBytes), decoder = new TextDecoder();
  let read = 0, wholeBytes = 0, number = 0, rest = "";
  for (let n; (n = await file.read(block)) !== null; read += n) {
    const bytes = block.subarray(0, n);
    rest += decoder.decode(bytes, { stream: true });
    const end = bytes.lastIndexOf(10) + 1;
    if (end === 0) continue;
    wholeBytes = read + end;
    const lines = rest.split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line, ++number);
  }
  return { wholeBytes, rest: rest + decoder.decode() };
}
