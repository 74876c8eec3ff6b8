/** Requests of the protocol's two endpoints. */
import type { GenerateOptions, Message, PromptInput } from "../types/mod.ts";
import type { Api } from "./answer_stream.ts";

/**
 * Writes the body of a streamed request. What is not asked for is not in it: some servers refuse fields that they do
 * not know. Temperature is always said, as servers' own defaults differ.
 * @throws {TypeError} where log-probabilities of other tokens than the chosen ones are asked for: an endpoint names
 * tokens by their text.
 */
export function requestBody(
  prompt: PromptInput,
  options: GenerateOptions,
  api: Api,
  model: string,
): { api: Api; body: string } {
  if ((options.logprobs ?? 0) > 0 || options.promptLogprobs !== undefined) {
    throw new TypeError(
      "Cannot ask an endpoint for log-probabilities of other tokens as they must have ids: it tells texts",
    );
  }
  const messages = messagesOf(prompt);
  const isChat = api === "chat" && messages !== null;
  const asked = isChat ? { messages } : { prompt: textOf(prompt) };
  const { logprobs, seed, topP, topK, stop, stopTokens, ignoreEos, minTokens } = options;
  const body = {
    model,
    ...asked,
    max_tokens: options.maxTokens,
    temperature: options.temperature ?? 0,
    ...(topP !== undefined && { top_p: topP }),
    ...(topK && { top_k: topK }),
    ...(seed !== undefined && { seed }),
    ...(stop?.length && { stop }),
    ...(stopTokens?.length && { stop_token_ids: stopTokens }),
    ...(ignoreEos && { ignore_eos: true }),
    ...(minTokens && { min_tokens: minTokens }),
    ...(logprobs !== undefined && (isChat ? { logprobs: true } : { logprobs: 0 })),
    stream: true,
    stream_options: { include_usage: true },
  };
  return { api: isChat ? "chat" : "completions", body: JSON.stringify(body) };
}

/** The messages that a prompt may be sent as; null for text and token ids. */
function messagesOf(prompt: PromptInput): Message[] | null {
  if (typeof prompt === "string") return [{ role: "user", content: prompt }];
  return "messages" in prompt ? prompt.messages : null;
}

/** A prompt for `/completions`: messages as a tokenizer without a chat template puts them. */
function textOf(prompt: PromptInput): string | readonly number[] {
  if (typeof prompt === "string") return prompt;
  if ("messages" in prompt) return prompt.messages.map((m) => m.content).join("\n\n");
  return "text" in prompt ? prompt.text : prompt.ids;
}
