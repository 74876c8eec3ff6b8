/** Reads a JSON array of any size element by element: ShareGPT's usual file is longer than a string may be. */
import { BadInput, messageOf } from "../std/errors.ts";

const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE] = [...'"\\,[]'].map((c) => c.charCodeAt(0));
const [OPEN_BRACE, CLOSE_BRACE] = [..."{}"].map((c) => c.charCodeAt(0));
const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/**
 * Yields the elements of the JSON array that a file holds.
 * @throws {BadInput} where the file is absent or is not one whole JSON array.
 */
export async function* readJsonArray(path: string): AsyncGenerator<unknown> {
  const malformed = (state: string) =>
    new BadInput(`Cannot read ${path} as it must be a JSON array: ${state}`);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let index = 0;
  const parse = (pieces: Uint8Array[]) => {
    try {
      const text = pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
      return JSON.parse(text) as unknown;
    } catch (thrown) {
      throw malformed(`element ${index} is malformed (${messageOf(thrown)})`);
    }
  };

  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
  }
  let depth = 0, inString = false, escaped = false, ended = false;
  let pieces: Uint8Array[] = []; // the element so far, from earlier blocks
  let blank = true; // whether it holds nothing but space
  for await (const block of file.readable) {
    let start = 0;
    for (let i = 0; i < block.length; i++) {
      const byte = block[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (isSpace(byte)) continue;
      if (ended) throw malformed("something follows its end");
      if (depth === 0) {
        if (byte !== OPEN) throw malformed("it begins otherwise");
        depth = 1;
        start = i + 1;
        continue;
      }
      if (depth === 1 && byte === CLOSE_BRACE) throw malformed(`a } closes it after element ${index}`);
      if (depth === 1 && (byte === COMMA || byte === CLOSE)) {
        pieces.push(block.subarray(start, i));
        if (index > 0 || !blank || byte === COMMA) yield parse(pieces);
        [pieces, blank, start, ended] = [[], true, i + 1, byte === CLOSE];
        index++;
        continue;
      }
      blank = false;
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN || byte === OPEN_BRACE) depth++;
      else if (byte === CLOSE || byte === CLOSE_BRACE) depth--;
    }
    if (depth > 0 && !ended) pieces.push(block.slice(start));
  }
  if (!ended) throw malformed(depth === 0 ? "it is empty" : `it ends within element ${index}`);
}
