/**
 * The log of a level: one JSON line a request (snake_case), appended as the request ends.
 *
 * A process may die at any byte: the log then holds every finished request, and at most one torn last line,
 * which the next opening cuts off.
 */
import { dirname } from "node:path";
import { BadInput, messageOf } from "../std/errors.ts";
import { fromRecord, type RequestRecord, toRecord } from "../types/mod.ts";

/** What a log needs of a file that is open for appending. */
export interface LogFile {
  writeSync(bytes: Uint8Array): number;
  truncateSync(length: number): void;
  close(): void;
}

const encoder = new TextEncoder();

export class RequestLog {
  #path: string;
  #file: LogFile;
  #length: number;
  #records: number;

  constructor(path: string, file: LogFile, length = 0, records = 0) {
    this.#path = path;
    this.#file = file;
    this.#length = length;
    this.#records = records;
  }

  /**
   * Opens the log of a level.
   * @param resume keep what is there; else the file must not exist
   * @returns the log, and the records that it already holds
   * @throws {BadInput} where the file exists and must not, or holds a line that is not a record.
   */
  static async open(path: string, resume: boolean): Promise<{ log: RequestLog; records: RequestRecord[] }> {
    await Deno.mkdir(dirname(path), { recursive: true });
    let bytes = new Uint8Array();
    try {
      bytes = await Deno.readFile(path);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
    if (bytes.length > 0 && !resume) {
      throw new BadInput(
        `Cannot log requests to ${path} as it must not exist before the level begins: it holds ${bytes.length} bytes`,
      );
    }
    const whole = bytes.lastIndexOf(10) + 1;
    const records = parseRequestRecords(new TextDecoder().decode(bytes.subarray(0, whole)), path);
    const file = await Deno.open(path, { append: true, create: true });
    if (whole < bytes.length) file.truncateSync(whole);
    return { log: new RequestLog(path, file, whole, records.length), records };
  }

  /**
   * Appends one record.
   * @throws {Error} where the disk is full or fails; the log is then as it was before.
   */
  append(record: RequestRecord): void {
    const line = encoder.encode(JSON.stringify(toRecord(record)) + "\n");
    try {
      for (let at = 0; at < line.length;) at += this.#file.writeSync(line.subarray(at));
    } catch (thrown) {
      try {
        this.#file.truncateSync(this.#length);
      } catch {
        // The torn line stays; the next opening cuts it off.
      }
      throw new Error(
        `Cannot log a request to ${this.#path} as each must be kept: ${messageOf(thrown)} ` +
          `(${this.#records} are kept; make room and go on with --resume)`,
        { cause: thrown },
      );
    }
    this.#length += line.length;
    this.#records++;
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * Reads the records of a level; a torn last line is left out.
 * @throws {BadInput} where the file is absent or a line is not a record.
 */
export async function readRequestRecords(path: string): Promise<RequestRecord[]> {
  try {
    const text = await Deno.readTextFile(path);
    return parseRequestRecords(text.slice(0, text.lastIndexOf("\n") + 1), path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
  }
}

function parseRequestRecords(text: string, path: string): RequestRecord[] {
  const records: RequestRecord[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = null;
    }
    if (!isRecord(value)) {
      throw new BadInput(
        `Cannot read ${path} as each line must be the record of a request: line ${i + 1} is '${
          line.slice(0, 60)
        }'`,
      );
    }
    records.push(fromRecord<RequestRecord>(value));
  }
  return records;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const r = value as Record<string, unknown>;
  return typeof r.request_id === "string" && typeof r.done_at === "number" &&
    typeof r.scheduled_at === "number" && typeof r.output_tokens === "number" && r.error !== undefined;
}
