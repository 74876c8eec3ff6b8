/** From an engine's answers to a response: the whole at its end, or a stream of its tokens. */
import type { Tokenizer } from "../checkpoint/tokenizer.ts";
import type { Engine } from "../engine/engine.ts";
import { messageOf } from "../std/errors.ts";
import type { Generation, TokenEvent } from "../types/mod.ts";
import { ApiError, errorBody } from "./api_error.ts";
import type { Endpoint, Question } from "./endpoint.ts";
import { EventStream } from "./event_stream.ts";
import type { Ask } from "./fields.ts";
import type { ModelMetrics } from "./metrics.ts";
import type { TokenTexts } from "./token_texts.ts";

export interface ServedModel {
  /** What `model` says in a request: `smollm2/med`. */
  id: string;
  engine: Engine;
}

export interface Model extends ServedModel {
  tokenizer: Tokenizer;
  texts: TokenTexts;
  metrics: ModelMetrics;
}

/** Takes an error that is not the client's. */
export type OnError = (thrown: unknown, requestId: string) => void;

/** A request that an engine is to answer. */
export interface Exchange {
  endpoint: Endpoint;
  model: Model;
  ask: Ask;
  questions: Question[];
  requestId: string;
  /** Aborts where the client goes away. */
  signal: AbortSignal;
  onError: OnError;
}

/** All of a request's answers; where one fails, the others end. */
async function generateAll(
  { model: { engine, metrics }, ask, questions, requestId, signal }: Exchange,
  onToken?: (question: Question, event: TokenEvent) => void,
): Promise<Generation[]> {
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  try {
    return await Promise.all(questions.map(async (question) => {
      const answer = await engine.generate({ ids: question.ids }, {
        ...ask.sampling,
        maxTokens: Math.max(1, ask.maxTokens ?? engine.stats.context),
        requestId,
        signal: either,
        onToken(event) {
          if (event.index === 0) metrics.promptTokens += question.ids.length;
          metrics.outputTokens++;
          onToken?.(question, event);
        },
      });
      metrics.end(answer);
      if (ask.maxTokens !== 0) return answer;
      // The prompt alone was asked for.
      return { ...answer, text: "", tokenIds: [], logprobs: [], outputTokens: 0, finishReason: "length" };
    }));
  } catch (thrown) {
    failing.abort();
    throw thrown;
  }
}

function usageOf(questions: readonly Question[], answers: readonly Generation[]) {
  const promptTokens = questions.reduce((sum, { ids }) => sum + ids.length, 0);
  return usage(promptTokens, answers.reduce((sum, a) => sum + a.outputTokens, 0));
}

function usage(promptTokens: number, outputTokens: number) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: outputTokens,
    total_tokens: promptTokens + outputTokens,
  };
}

/** What a whole answer and each chunk begin with. */
function headOf({ endpoint, model, requestId }: Exchange, object: string) {
  const created = Math.floor(Date.now() / 1000);
  return { id: `${endpoint.idPrefix}-${requestId}`, object, created, model: model.id };
}

/** @returns the response, at the answer's end */
export async function answerWhole(exchange: Exchange): Promise<Response> {
  const { endpoint, questions } = exchange;
  const head = headOf(exchange, endpoint.object);
  const answers = await generateAll(exchange);
  const choices = answers.map((answer, i) => endpoint.choice(questions[i], answer));
  return Response.json({ ...head, choices, usage: usageOf(questions, answers) });
}

/** @returns the response, at the first token: what fails before it has a status of its own */
export async function answerStreamed(exchange: Exchange): Promise<Response> {
  const { endpoint, ask, questions, requestId, onError } = exchange;
  const head = JSON.stringify(headOf(exchange, endpoint.chunkObject)).slice(0, -1);
  /** @param tally JSON of `usage`, or null for a chunk without it */
  const chunk = (choices: string, tally: string | null) =>
    `data: ${head},"choices":[${choices}]${tally === null ? "" : `,"usage":${tally}`}}\n\n`;

  const leaving = new AbortController();
  const stream = new EventStream(() => leaving.abort());
  const signal = AbortSignal.any([exchange.signal, leaving.signal]);
  const begun = Promise.withResolvers<void>();
  let isBegun = false;
  const writers = questions.map((question) => endpoint.stream(question));
  const onToken = ({ index, ids }: Question, event: TokenEvent) => {
    const tally = ask.continuousUsage
      ? JSON.stringify(usage(ids.length, event.index + 1))
      : ask.includeUsage
      ? "null"
      : null;
    stream.push(writers[index](event).map((choice) => chunk(choice, tally)).join(""));
    if (isBegun) return;
    isBegun = true;
    begun.resolve();
  };
  const finish = async () => {
    try {
      const answers = await generateAll({ ...exchange, signal }, onToken);
      if (ask.includeUsage) stream.push(chunk("", JSON.stringify(usageOf(questions, answers))));
    } catch (thrown) {
      if (!isBegun) throw thrown;
      onError(thrown, requestId);
      stream.push(`data: ${JSON.stringify(errorBody(new ApiError(500, messageOf(thrown))))}\n\n`);
    }
    stream.push("data: [DONE]\n\n");
    stream.end();
  };
  await Promise.race([begun.promise, finish()]);
  return new Response(stream.body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}
