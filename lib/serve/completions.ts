/** `/v1/completions`. @see https://platform.openai.com/docs/api-reference/completions */
import * as v from "valibot";
import { ApiError } from "./api_error.ts";
import type { Endpoint, Question } from "./endpoint.ts";
import {
  type Ask,
  askCommon,
  COMMON_FIELDS,
  flag,
  integer,
  MOST_LOGPROBS,
  only,
  readBody,
} from "./fields.ts";

/** Most prompts of one request, as OpenAI has it. */
const MOST_PROMPTS = 2048;
/** `max_tokens` where it is not given. */
const DEFAULT_TOKENS = 16;

const IDS = v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0)));
const several = <T>(schema: v.GenericSchema<T>) =>
  v.pipe(v.array(schema), v.minLength(1), v.maxLength(MOST_PROMPTS));

/** A text, a list of texts, token ids, or a list of lists of token ids. */
const PROMPT = v.lazy((input): v.GenericSchema<string | string[] | number[] | number[][]> => {
  if (!Array.isArray(input)) return v.string();
  return typeof input[0] === "number" ? IDS : Array.isArray(input[0]) ? several(IDS) : several(v.string());
});

const BODY = v.object({
  ...COMMON_FIELDS,
  prompt: PROMPT,
  logprobs: integer(0, MOST_LOGPROBS),
  echo: flag,
  best_of: only(1),
  suffix: only(""),
});

export const COMPLETIONS: Endpoint = {
  idPrefix: "cmpl",
  object: "text_completion",
  chunkObject: "text_completion",

  read(input) {
    const { prompt, logprobs, echo, ...body } = readBody(BODY, input);
    const ask = askCommon(body, body.max_tokens ?? DEFAULT_TOKENS);
    if (ask.maxTokens === 0 && !echo) {
      throw new ApiError(400, "Cannot use max_tokens as it must be at least 1 without echo: it is 0", {
        param: "max_tokens",
      });
    }
    if (echo && ask.stream) {
      throw new ApiError(400, "Cannot use echo as a stream must not have it: stream is true", {
        param: "echo",
      });
    }
    const isOne = typeof prompt === "string" || typeof prompt[0] === "number";
    const prompts = (isOne ? [prompt] : prompt) as (string | number[])[];
    if (logprobs !== null && logprobs !== undefined) {
      ask.sampling.logprobs = logprobs;
      if (echo) ask.sampling.promptLogprobs = logprobs;
    }
    return {
      ...ask,
      prompts: prompts.map((one): Ask["prompts"][number] =>
        typeof one === "string" ? { text: one } : { ids: one }
      ),
      echo,
    };
  },

  choice({ index, ids, ask, texts }, { text, tokenIds, logprobs, promptLogprobs = [], finishReason }) {
    const prompt = ask.prompts[index];
    const echoed = !ask.echo ? "" : "text" in prompt ? prompt.text : texts.join(ids);
    const scored = logprobs && [
      ...promptLogprobs.map((scored, i) => ({ tokenId: ids[i], scored })),
      ...logprobs.map((scored, i) => ({ tokenId: tokenIds[i], scored })),
    ];
    return {
      index,
      text: echoed + text,
      logprobs: scored ? texts.legacy(scored, 0) : null,
      finish_reason: finishReason,
    };
  },

  stream({ index, texts }: Question) {
    let offset = 0;
    return ({ tokenId, text, logprob, topLogprobs, finishReason }) => {
      let logprobs = "null";
      if (topLogprobs) {
        logprobs = JSON.stringify(
          texts.legacy([{ tokenId, scored: { logprob: logprob!, top: topLogprobs } }], offset),
        );
        offset += texts.of(tokenId).length;
      }
      const reason = JSON.stringify(finishReason ?? null);
      return [
        `{"index":${index},"text":${JSON.stringify(text)},"logprobs":${logprobs},"finish_reason":${reason}}`,
      ];
    };
  },
};
