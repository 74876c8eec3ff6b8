/** The log of a level: one JSON line a request (snake_case), appended as the request ends. */
import { AppendLog, type LogFile, type LogRecord, readLog } from "../std/append_log.ts";
import { fromRecord, type RequestRecord, toRecord } from "../types/mod.ts";

const KIND = {
  noun: "a request",
  isRecord: (r: LogRecord) =>
    typeof r.request_id === "string" && typeof r.done_at === "number" &&
    typeof r.scheduled_at === "number" && typeof r.output_tokens === "number" && r.error !== undefined,
};

export class RequestLog {
  #log: AppendLog;

  private constructor(log: AppendLog) {
    this.#log = log;
  }

  /** Opens the log of a level, as {@linkcode AppendLog.open} does. */
  static async open(path: string, resume: boolean): Promise<{ log: RequestLog; records: RequestRecord[] }> {
    const { log, records } = await AppendLog.open(path, resume, KIND);
    return { log: new RequestLog(log), records: records.map((r) => fromRecord<RequestRecord>(r)) };
  }

  /** Makes the log of a level on an open, empty file. */
  static on(path: string, file: LogFile): RequestLog {
    return new RequestLog(new AppendLog(path, KIND, file));
  }

  append(record: RequestRecord): void {
    this.#log.append(toRecord(record));
  }

  close(): void {
    this.#log.close();
  }
}

/**
 * Reads the records of a level; a torn last line is left out.
 * @throws {BadInput} where the file is absent or a line is not a record.
 */
export async function readRequestRecords(path: string): Promise<RequestRecord[]> {
  return (await readLog(path, KIND)).map((r) => fromRecord<RequestRecord>(r));
}
