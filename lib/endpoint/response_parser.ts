/**
 * A reader of one HTTP/1.1 response, fed with bytes as they come.
 * @see https://www.rfc-editor.org/rfc/rfc9112
 */
import { EndpointError } from "./errors.ts";

export interface ResponseHead {
  status: number;
  /** By lower-case name; values of a repeated field are joined by `, `. */
  headers: ReadonlyMap<string, string>;
}

export interface ResponseHandler {
  onHead(head: ResponseHead): void;
  /** Takes a piece of the body; the bytes are good until it returns. */
  onBody(bytes: Uint8Array): void;
}

const CR = 13, LF = 10, SEMICOLON = 59;
/** Most bytes of a head, and most digits of a chunk's size. */
const MOST_HEAD = 64 * 1024, MOST_SIZE_DIGITS = 12;

export class ResponseParser {
  readonly #handler: ResponseHandler;
  #state:
    | "head"
    | "fixed"
    | "size"
    | "extension"
    | "chunk"
    | "chunk-end"
    | "trailer"
    | "until-close"
    | "done" = "head";
  /** Bytes left of a body of known length or of a chunk. */
  #left = 0;
  #digits = 0;
  #line = "";
  #lines: string[] = [];
  #headBytes = 0;
  #keepAlive = true;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** Whether the response is whole. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** Whether a byte has come. */
  get begun(): boolean {
    return this.#headBytes > 0;
  }

  /** Whether the connection may carry another request once this one is done. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  /** @throws {EndpointError} `malformed` for what is no HTTP; whatever the handler throws. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      switch (this.#state) {
        case "fixed":
        case "chunk": {
          const end = Math.min(bytes.length, at + this.#left);
          this.#left -= end - at;
          if (this.#left === 0) this.#state = this.#state === "chunk" ? "chunk-end" : "done";
          this.#handler.onBody(bytes.subarray(at, end));
          at = end;
          break;
        }
        case "size":
          at = this.#size(bytes, at);
          break;
        case "extension":
          if (bytes[at++] === LF) this.#sizeEnds();
          break;
        case "chunk-end": {
          const byte = bytes[at++];
          if (byte === LF) this.#state = "size";
          else if (byte !== CR) throw malformed("a chunk must end with its size", "it goes on");
          break;
        }
        case "until-close":
          this.#handler.onBody(bytes.subarray(at));
          return;
        case "done":
          this.#keepAlive = false; // what else comes belongs to no request
          return;
        default:
          at = this.#text(bytes, at);
      }
    }
  }

  /**
   * Takes the end of the connection.
   * @throws {EndpointError} `disconnected` before the first byte, `cut_stream` inside of the response.
   */
  end(): void {
    this.#keepAlive = false;
    if (this.#state === "until-close") this.#state = "done";
    if (this.#state === "done") return;
    throw this.begun
      ? new EndpointError("cut_stream", "Cannot read the answer as it must be whole: its connection was cut")
      : new EndpointError(
        "disconnected",
        "Cannot read the answer as the server must give one: it closed the connection",
      );
  }

  /** Takes digits of a chunk's size. */
  #size(bytes: Uint8Array, at: number): number {
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      const digit = byte >= 48 && byte <= 57
        ? byte - 48
        : (byte | 32) >= 97 && (byte | 32) <= 102
        ? (byte | 32) - 87
        : -1;
      if (digit < 0) {
        if (this.#digits === 0) throw malformed("a chunk must begin with its size", "it has no digit");
        if (byte === LF) {
          this.#sizeEnds();
          return at + 1;
        }
        if (byte === SEMICOLON || byte === 32 || byte === 9) {
          this.#state = "extension";
          return at + 1;
        }
        if (byte !== CR) throw malformed("a chunk's size must be hexadecimal", `it has byte ${byte}`);
      } else {
        if (++this.#digits > MOST_SIZE_DIGITS) throw malformed("a chunk's size must be short", "it is not");
        this.#left = this.#left * 16 + digit;
      }
    }
    return at;
  }

  #sizeEnds(): void {
    this.#digits = 0;
    this.#state = this.#left > 0 ? "chunk" : "trailer";
  }

  /** Takes text of the head or the trailers, line by line. */
  #text(bytes: Uint8Array, at: number): number {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf;
    this.#headBytes += end - at + 1;
    if (this.#headBytes > MOST_HEAD) throw malformed(`a head must be within ${MOST_HEAD} bytes`, "it is not");
    for (let i = at; i < end; i++) this.#line += String.fromCharCode(bytes[i]);
    if (lf < 0) return end;
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    if (line !== "") this.#lines.push(line);
    else if (this.#state === "trailer") this.#state = "done";
    else if (this.#lines.length > 0) this.#headEnds();
    return end + 1;
  }

  #headEnds(): void {
    const [first, ...fields] = this.#lines;
    this.#lines = [];
    const match = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first);
    if (match === null) {
      throw malformed("the answer must be HTTP/1.1", `it begins ${JSON.stringify(first.slice(0, 60))}`);
    }
    const status = Number(match[2]);
    if (status < 200) return; // an interim response: another head follows
    const headers = new Map<string, string>();
    for (const field of fields) {
      const colon = field.indexOf(":");
      if (colon < 1) {
        throw malformed("a header must have a name", `it is ${JSON.stringify(field.slice(0, 60))}`);
      }
      const name = field.slice(0, colon).toLowerCase(), value = field.slice(colon + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    const connection = (headers.get("connection") ?? "").toLowerCase();
    this.#keepAlive = match[1] === "1" ? !connection.includes("close") : connection.includes("keep-alive");
    const coding = headers.get("transfer-encoding")?.toLowerCase();
    const length = headers.get("content-length");
    if (coding !== undefined && coding !== "identity") {
      if (coding !== "chunked") throw malformed("the transfer must be chunked", `it is ${coding}`);
      this.#state = "size";
    } else if (status === 204 || status === 304) {
      this.#state = "done";
    } else if (length !== undefined) {
      const lengths = new Set(length.split(",").map((l) => l.trim()));
      const [only] = lengths;
      if (lengths.size > 1 || !/^\d{1,15}$/.test(only)) {
        throw malformed("content-length must be a whole number", `it is ${length}`);
      }
      this.#left = Number(only);
      this.#state = this.#left > 0 ? "fixed" : "done";
    } else {
      this.#keepAlive = false;
      this.#state = "until-close";
    }
    this.#handler.onHead({ status, headers });
  }
}

const malformed = (rule: string, state: string) =>
  new EndpointError("malformed", `Cannot read the answer as ${rule}: ${state}`);
