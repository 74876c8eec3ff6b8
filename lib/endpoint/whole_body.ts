/** Answers that are no stream: their bytes, and the error that a refusal says. */
import { errorText } from "./answer_stream.ts";
import { EndpointError, StatusError } from "./errors.ts";
import type { ResponseHead } from "./response_parser.ts";

/** Most bytes that are read. */
const MOST_BYTES = 64 * 2 ** 20;

export class WholeBody {
  readonly #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;

  /** @throws {EndpointError} `malformed` where it has too many bytes. */
  push(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > MOST_BYTES) {
      throw new EndpointError("malformed", `Cannot read the answer as it must be within ${MOST_BYTES} bytes`);
    }
    this.#text += this.#decoder.decode(bytes, { stream: true });
  }

  text(): string {
    return this.#text;
  }
}

/** How servers say that a prompt does not fit: OpenAI's code, llama.cpp's type, vLLM's and others' sentences. */
const OVERLONG =
  /context_length_exceeded|exceed_context_size|maximum (context|model|input) length|context (length|size|window)|prompt is too long|longer than the maximum/i;

/** The error of an answer that is refused, or of one that should be a stream and is not. */
export function refusalError(head: ResponseHead, body: string, path: string): Error {
  const { status, headers } = head;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    json = body.trim().slice(0, 200);
  }
  const text = errorText(json);
  if (status === 200) {
    const type = headers.get("content-type") ?? "none";
    return typeof json === "object" && json !== null && "error" in json
      ? new EndpointError("stream_error", `Cannot answer ${path} as the server failed: ${text}`)
      : new EndpointError(
        "malformed",
        `Cannot read the answer to ${path} as it must be an event stream: it is ${type}`,
      );
  }
  if ([400, 413, 422].includes(status) && OVERLONG.test(body)) {
    return new RangeError(
      `Cannot answer ${path} as the prompt must fit the server's context: it says '${text}'`,
    );
  }
  const said = text === "" ? `it answered ${status}` : `it answered ${status}: ${text}`;
  return new StatusError(
    status,
    retryAfter(headers.get("retry-after")),
    `Cannot answer ${path} as the server must accept it: ${said}`,
  );
}

/** Reads `Retry-After`, seconds or a date. @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
export function retryAfter(value: string | undefined, now = Date.now()): number | null {
  if (value === undefined) return null;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
