/** `/v1/chat/completions`. @see https://platform.openai.com/docs/api-reference/chat */
import * as v from "valibot";
import type { Message } from "../types/mod.ts";
import { ApiError } from "./api_error.ts";
import type { Endpoint, Question } from "./endpoint.ts";
import { askCommon, COMMON_FIELDS, flag, integer, MOST_LOGPROBS, readBody } from "./fields.ts";

/** A turn whose content is text or parts of text, which are joined. */
export const MESSAGE = v.pipe(
  v.object({
    role: v.picklist(["system", "developer", "user", "assistant"]),
    content: v.lazy((input): v.GenericSchema<string | { text: string }[]> =>
      typeof input === "string"
        ? v.string()
        : v.array(v.object({ type: v.literal("text"), text: v.string() }))
    ),
  }),
  v.transform(({ role, content }): Message => ({
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map((part) => part.text).join(""),
  })),
);

const nothing = v.nullish(v.pipe(v.array(v.unknown()), v.maxLength(0)));

const BODY = v.object({
  ...COMMON_FIELDS,
  messages: v.pipe(v.array(MESSAGE), v.minLength(1)),
  max_completion_tokens: integer(1),
  max_tokens: integer(1),
  logprobs: flag,
  top_logprobs: integer(0, MOST_LOGPROBS),
  response_format: v.nullish(v.object({ type: v.literal("text") })),
  tools: nothing,
  functions: nothing,
});

const delta = (index: number, content: string, logprobs: string, finishReason: string) =>
  `{"index":${index},"delta":${content},"logprobs":${logprobs},"finish_reason":${finishReason}}`;

export const CHAT: Endpoint = {
  idPrefix: "chatcmpl",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",

  read(input) {
    const body = readBody(BODY, input);
    if (body.top_logprobs && !body.logprobs) {
      throw new ApiError(400, "Cannot use top_logprobs as logprobs must be true: it is false", {
        param: "top_logprobs",
      });
    }
    const ask = askCommon(body, body.max_completion_tokens ?? body.max_tokens ?? undefined);
    if (body.logprobs) ask.sampling.logprobs = body.top_logprobs ?? 0;
    return { ...ask, prompts: [{ messages: body.messages }], echo: false };
  },

  choice: ({ index, texts }, { text, tokenIds, logprobs, finishReason }) => ({
    index,
    message: { role: "assistant", content: text, refusal: null },
    logprobs: logprobs ? texts.chat(logprobs.map((scored, i) => ({ tokenId: tokenIds[i], scored }))) : null,
    finish_reason: finishReason,
  }),

  stream: ({ index, texts }: Question) => (event) => {
    const logprobs = event.topLogprobs
      ? JSON.stringify(texts.chat([{
        tokenId: event.tokenId,
        scored: { logprob: event.logprob!, top: event.topLogprobs },
      }]))
      : "null";
    const content = `{"content":${JSON.stringify(event.text)}}`;
    const chunk = delta(index, content, logprobs, JSON.stringify(event.finishReason ?? null));
    return event.index > 0
      ? [chunk]
      : [delta(index, '{"role":"assistant","content":""}', "null", "null"), chunk];
  },
};
