/** What goes wrong between a client and an endpoint, by the kinds that records and summaries have. */

/**
 * `refused`: nobody listens; `unreachable`: any other failure to connect; `disconnected`: closed before an answer
 * began; `cut_stream`: closed before it was whole; `malformed`: no HTTP, no event stream, no JSON; `empty`: an
 * answer without a token; `stream_error`: an error inside of a stream; `unsupported`: the server cannot do what was
 * asked; `http_429`, `http_503`, ...: a status. A prompt that is too long is a `RangeError` instead (`overlong`).
 */
export type EndpointErrorKind =
  | "connect_timeout"
  | "first_token_timeout"
  | "idle_timeout"
  | "timeout"
  | "refused"
  | "unreachable"
  | "disconnected"
  | "cut_stream"
  | "malformed"
  | "empty"
  | "stream_error"
  | "unsupported"
  | `http_${number}`;

export class EndpointError extends Error {
  override name = "EndpointError";
  readonly kind: EndpointErrorKind;

  constructor(kind: EndpointErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** A status that is none of success. */
export class StatusError extends EndpointError {
  readonly status: number;
  /** What `Retry-After` says. */
  readonly retryAfterMs: number | null;

  constructor(status: number, retryAfterMs: number | null, message: string) {
    super(`http_${status}`, message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}
