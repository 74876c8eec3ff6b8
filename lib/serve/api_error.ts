/** Errors as OpenAI's clients read them: `{"error":{"message":"..","type":"..","param":"temperature","code":null}}`. */

export interface ApiErrorOptions {
  /** Path of the field at fault. */
  param?: string;
  /** What a program can tell the error by. */
  code?: string;
  headers?: Record<string, string>;
}

/** A request that is answered with an error. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, options: ApiErrorOptions = {}) {
    super(message);
    this.status = status;
    this.param = options.param ?? null;
    this.code = options.code ?? null;
    this.headers = options.headers ?? {};
  }
}

/** @see https://platform.openai.com/docs/guides/error-codes */
export function errorBody({ status, message, param, code }: ApiError): { error: Record<string, unknown> } {
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  return { error: { message, type, param, code } };
}

export function errorResponse(error: ApiError): Response {
  return Response.json(errorBody(error), { status: error.status, headers: error.headers });
}
