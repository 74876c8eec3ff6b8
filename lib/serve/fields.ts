/** The fields that both endpoints take, and how a body that breaks their rules is refused. */
import * as v from "valibot";
import type { PromptInput, SamplingOptions } from "../types/mod.ts";
import { ApiError } from "./api_error.ts";

/** What a request body asks for, whichever endpoint it came to. */
export interface Ask {
  /** Undefined: the first that is served. */
  model: string | undefined;
  prompts: Exclude<PromptInput, string>[];
  /** Undefined: as many as the context has room for. 0 only with `echo`. */
  maxTokens: number | undefined;
  sampling: Omit<SamplingOptions, "maxTokens">;
  /** The prompt stands before the answer. */
  echo: boolean;
  stream: boolean;
  /** A last chunk tells the tokens. */
  includeUsage: boolean;
  /** Each chunk does. */
  continuousUsage: boolean;
}

/** A whole number within bounds. */
export const integer = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most)));

export const flag = v.nullish(v.boolean(), false);

/** A field of the protocol of which only the value that changes nothing is supported. */
export const only = (value: string | number | boolean) => v.nullish(v.literal(value));

/** Most of the likeliest tokens that are told for each token, as OpenAI and vLLM have it. */
export const MOST_LOGPROBS = 20;

const MOST_STOPS = 16;

export const COMMON_FIELDS = {
  model: v.nullish(v.string()),
  max_tokens: integer(0),
  min_tokens: integer(0),
  temperature: v.nullish(v.pipe(v.number(), v.minValue(0), v.finite()), 1),
  top_p: v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(1)), 1),
  top_k: integer(-1),
  seed: integer(Number.MIN_SAFE_INTEGER),
  stop: v.nullish(
    v.lazy((input): v.GenericSchema<string | string[]> => {
      const stop = v.pipe(v.string(), v.minLength(1));
      return typeof input === "string" ? stop : v.pipe(v.array(stop), v.maxLength(MOST_STOPS));
    }),
  ),
  stop_token_ids: v.nullish(v.array(v.pipe(v.number(), v.safeInteger()))),
  ignore_eos: flag,
  stream: flag,
  stream_options: v.nullish(v.object({ include_usage: flag, continuous_usage_stats: flag })),
  n: only(1),
  presence_penalty: only(0),
  frequency_penalty: only(0),
  repetition_penalty: only(1),
  min_p: only(0),
  logit_bias: v.nullish(v.strictObject({})),
};

type CommonFields = v.InferOutput<v.ObjectSchema<typeof COMMON_FIELDS, undefined>>;

/** What the common fields ask for. */
export function askCommon(
  body: CommonFields,
  maxTokens: number | undefined,
): Omit<Ask, "prompts" | "echo"> {
  const { stream, stream_options: streaming, min_tokens: minTokens } = body;
  if (streaming && !stream) {
    throw new ApiError(400, "Cannot use stream_options as stream must be true: it is false", {
      param: "stream_options",
    });
  }
  if (minTokens && maxTokens !== undefined && minTokens > maxTokens) {
    throw new ApiError(
      400,
      `Cannot use min_tokens as it must be at most the ${maxTokens} of max_tokens: it is ${minTokens}`,
      { param: "min_tokens" },
    );
  }
  const includeUsage = streaming?.include_usage ?? false;
  return {
    model: body.model ?? undefined,
    maxTokens,
    sampling: {
      temperature: body.temperature,
      topP: body.top_p,
      topK: Math.max(0, body.top_k ?? 0), // -1 is all tokens, as for vLLM
      seed: body.seed ?? undefined,
      stop: typeof body.stop === "string" ? [body.stop] : body.stop ?? [],
      stopTokens: body.stop_token_ids ?? [],
      ignoreEos: body.ignore_eos,
      minTokens: minTokens ?? 0,
    },
    stream,
    includeUsage,
    continuousUsage: includeUsage && (streaming?.continuous_usage_stats ?? false),
  };
}

/**
 * Reads a body by its schema, without the fields that the schema does not know.
 * @throws {ApiError} 400 that names the field.
 */
export function readBody<T>(schema: v.GenericSchema<unknown, T>, body: unknown): T {
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const param = v.getDotPath(issue) ?? undefined;
  const name = param ?? "the body";
  const subject = issue.type.endsWith("_length") ? "its length" : "it";
  throw new ApiError(
    400,
    issue.received === "undefined"
      ? `Cannot answer as ${name} must be given: it is not there`
      : `Cannot use ${name} as ${subject} must be ${issue.expected}: it is ${issue.received}`,
    { param },
  );
}
