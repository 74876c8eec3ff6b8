/**
 * A log of JSON lines, appended as work ends.
 *
 * A process may die at any byte: the log then holds every finished record, and at most one torn last line,
 * which the next opening cuts off.
 */
import { dirname } from "node:path";
import { BadInput, messageOf } from "./errors.ts";
import { exists } from "./files.ts";
import { type LinesRead, readLines } from "./lines.ts";

/** What a log needs of a file that is open for appending. */
export interface LogFile {
  writeSync(bytes: Uint8Array): number;
  truncateSync(length: number): void;
  close(): void;
}

export type LogRecord = Record<string, unknown>;

/** What the lines of a log are. */
export interface LogKind {
  /** In messages, with its article: `a request`. */
  noun: string;
  isRecord(value: LogRecord): boolean;
}

const encoder = new TextEncoder();

export class AppendLog {
  #path: string;
  #kind: LogKind;
  #file: LogFile;
  #length: number;
  #records: number;

  constructor(path: string, kind: LogKind, file: LogFile, length = 0, records = 0) {
    this.#path = path;
    this.#kind = kind;
    this.#file = file;
    this.#length = length;
    this.#records = records;
  }

  /**
   * Opens a log.
   * @param resume keep what is there; else the file must be absent or empty
   * @returns the log, and the records that it already holds
   * @throws {BadInput} where the file exists and must not, or holds a line that is not a record.
   */
  static async open(
    path: string,
    resume: boolean,
    kind: LogKind,
  ): Promise<{ log: AppendLog; records: LogRecord[] }> {
    await Deno.mkdir(dirname(path), { recursive: true });
    const size = await exists(path) ? (await Deno.stat(path)).size : 0;
    if (size > 0 && !resume) {
      throw new BadInput(
        `Cannot log ${kind.noun} to ${path} as it must not exist before the work begins: it holds ${size} bytes`,
      );
    }
    const { records, wholeBytes } = size > 0 ? await parse(path, kind) : { records: [], wholeBytes: 0 };
    const file = await Deno.open(path, { append: true, create: true });
    if (wholeBytes < size) file.truncateSync(wholeBytes);
    return { log: new AppendLog(path, kind, file, wholeBytes, records.length), records };
  }

  /**
   * Appends one record.
   * @throws {Error} where the disk is full or fails; the log is then as it was before.
   */
  append(record: LogRecord): void {
    const line = encoder.encode(JSON.stringify(record) + "\n");
    try {
      for (let at = 0; at < line.length;) at += this.#file.writeSync(line.subarray(at));
    } catch (thrown) {
      try {
        this.#file.truncateSync(this.#length);
      } catch {
        // The torn line stays; the next opening cuts it off.
      }
      throw new Error(
        `Cannot log ${this.#kind.noun} to ${this.#path} as each must be kept: ${messageOf(thrown)} ` +
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
 * Reads the records of a log; a torn last line is left out.
 * @throws {BadInput} where the file is absent or a line is not a record.
 */
export async function readLog(path: string, kind: LogKind): Promise<LogRecord[]> {
  try {
    return (await parse(path, kind)).records;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new BadInput(`Cannot read ${path} as it must exist: there is no such file`);
  }
}

async function parse(path: string, kind: LogKind): Promise<LinesRead & { records: LogRecord[] }> {
  const records: LogRecord[] = [];
  const read = await readLines(path, (line, number) => {
    if (line.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = null;
    }
    if (typeof value !== "object" || value === null || !kind.isRecord(value as LogRecord)) {
      throw new BadInput(
        `Cannot read ${path} as each line must be the record of ${kind.noun}: line ${number} is '${
          line.slice(0, 60)
        }'`,
      );
    }
    records.push(value as LogRecord);
  });
  return { ...read, records };
}
