/**
 * An OpenAI-compatible server over engines: chat and plain completions, whole or as a stream, and what vLLM's
 * server has beside them (`/health`, `/tokenize`, `/detokenize`, `/metrics`).
 *
 * @see https://platform.openai.com/docs/api-reference
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { methodNotAllowed } from "hono/method-not-allowed";
import * as v from "valibot";
import type { Tokenizer } from "../checkpoint/tokenizer.ts";
import type { Engine } from "../engine/engine.ts";
import { BadInput, messageOf } from "../std/errors.ts";
import { answerStreamed, answerWhole, type Model, type OnError, type ServedModel } from "./answer.ts";
import { ApiError, errorResponse } from "./api_error.ts";
import { CHAT, MESSAGE } from "./chat.ts";
import { COMPLETIONS } from "./completions.ts";
import type { Endpoint, Question } from "./endpoint.ts";
import { type Ask, flag, only, readBody } from "./fields.ts";
import { metricsText, ModelMetrics } from "./metrics.ts";
import { TokenTexts } from "./token_texts.ts";

export interface AppOptions {
  /** The first answers requests that name none. */
  models: readonly ServedModel[];
  /** Prompts that may wait for a KV slot, over all models. */
  maxQueue: number;
  /** Most bytes of a body (default 4 MiB). */
  maxBodyBytes?: number;
  /** What `Authorization: Bearer` must hold, except for `/health` and `/metrics` (default: nothing). */
  apiKey?: string;
  /** Takes errors that are not the client's (default: stderr). */
  onError?: OnError;
}

type Env = { Variables: { requestId: string } };

const TOKENIZE = v.object({
  model: v.nullish(v.string()),
  prompt: v.nullish(v.string()),
  messages: v.nullish(v.pipe(v.array(MESSAGE), v.minLength(1))),
  /** Of a prompt's text: a chat template holds its own. */
  add_special_tokens: v.nullish(v.boolean()),
  add_generation_prompt: only(true),
  continue_final_message: only(false),
  return_token_strs: flag,
});
const DETOKENIZE = v.object({
  model: v.nullish(v.string()),
  tokens: v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});

/** More characters a token than any prompt has: a longer text is refused before encoding it stops all else. */
const TOKEN_CHARACTERS = 64;

const sha256 = (text: string) => createHash("sha256").update(text).digest();

/**
 * Makes the server's request handler, `app.fetch`.
 * @throws {BadInput} where a model has no tokenizer.
 */
export function createApp(options: AppOptions): Hono<Env> {
  const { maxQueue, maxBodyBytes = 4 * 2 ** 20, apiKey } = options;
  const onError = options.onError ?? ((thrown, id) => console.error(`request ${id}: ${messageOf(thrown)}`));
  const createdAt = Math.floor(Date.now() / 1000);
  const models = new Map(options.models.map(({ id, engine }): [string, Model] => {
    const { tokenizer } = engine;
    if (tokenizer === null) throw new BadInput(`Cannot serve ${id} as it must have a tokenizer: it has none`);
    return [id, { id, engine, tokenizer, texts: new TokenTexts(tokenizer), metrics: new ModelMetrics() }];
  }));

  const modelOf = (id: string | null | undefined): Model => {
    const model = id === null || id === undefined ? [...models.values()][0] : models.get(id);
    if (model === undefined) {
      throw new ApiError(
        404,
        `Cannot use model ${JSON.stringify(id)} as it must be one of ${[...models.keys()].join(", ")}`,
        { param: "model", code: "model_not_found" },
      );
    }
    return model;
  };
  const describe = ({ id, engine }: Model) => ({
    id,
    object: "model",
    created: createdAt,
    owned_by: "slolab",
    root: id,
    parent: null,
    max_model_len: engine.stats.context,
  });

  /** Refuses a request some of whose prompts would have to wait where too many are waiting. */
  const admit = ({ id, engine, metrics }: Model, prompts: number): void => {
    const over = (e: Engine) => e.stats.queued + e.stats.running - e.stats.slots;
    const added = Math.max(0, over(engine) + prompts) - Math.max(0, over(engine));
    if (added === 0) return;
    const { slots } = engine.stats;
    if (prompts > slots + maxQueue) {
      throw new ApiError(
        400,
        `Cannot take the prompts of a request for ${id} as they must be at most ${
          slots + maxQueue
        }: they are ${prompts}`,
        { param: "prompt" },
      );
    }
    const waiting = [...models.values()].reduce((sum, m) => sum + Math.max(0, over(m.engine)), 0);
    if (waiting + added <= maxQueue) return;
    metrics.refused++;
    // Until those that are before it have been answered.
    const seconds = Math.max(1, Math.ceil(metrics.meanSeconds * (waiting + 1) / slots));
    throw new ApiError(
      429,
      `Cannot queue a request for ${id} as at most ${maxQueue} may wait: ${waiting} do`,
      { code: "queue_full", headers: { "retry-after": String(seconds) } },
    );
  };

  const answer = (endpoint: Endpoint) => async (c: Context<Env>) => {
    const ask = endpoint.read(await readJson(c));
    const model = modelOf(ask.model);
    admit(model, ask.prompts.length);
    const questions = ask.prompts.map((prompt, index): Question => ({
      index,
      ids: promptIds(model, prompt),
      ask,
      texts: model.texts,
    }));
    const { signal } = c.req.raw;
    const exchange = { endpoint, model, ask, questions, requestId: c.get("requestId"), signal, onError };
    return await (ask.stream ? answerStreamed(exchange) : answerWhole(exchange));
  };

  const app = new Hono<Env>();
  app.onError((thrown, c) => {
    if (thrown instanceof ApiError) return errorResponse(thrown);
    if (thrown instanceof BadInput) return errorResponse(new ApiError(400, thrown.message)); // of a chat template
    onError(thrown, c.get("requestId"));
    return errorResponse(new ApiError(500, messageOf(thrown)));
  });
  app.notFound((c) =>
    errorResponse(new ApiError(404, `Cannot answer as the path must be known: it is ${c.req.path}`))
  );
  app.use(async (c, next) => {
    const requestId = c.req.header("x-request-id") ?? crypto.randomUUID();
    c.set("requestId", requestId);
    await next();
    c.res.headers.set("x-request-id", requestId);
  });
  app.use(methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) =>
      errorResponse(
        new ApiError(405, `Cannot ${c.req.method} ${c.req.path} as it must be ${methods.join(" or ")}`, {
          headers: { allow: methods.join(", ") },
        }),
      ),
  }));
  app.get("/health", (c) => c.body(null));
  app.get("/metrics", (c) => {
    const served = [...models.values()].map((m) => ({ ...m, stats: m.engine.stats }));
    return c.body(metricsText(served), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  if (apiKey !== undefined) {
    const expected = sha256(`Bearer ${apiKey}`);
    app.use(async (c, next) => {
      if (!timingSafeEqual(sha256(c.req.header("authorization") ?? ""), expected)) {
        throw new ApiError(
          401,
          "Cannot answer as the request must have the API key: it has another or none",
          { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } },
        );
      }
      await next();
    });
  }
  app.use(bodyLimit({
    maxSize: maxBodyBytes,
    onError: () =>
      errorResponse(new ApiError(413, `Cannot read a body as it must be within ${maxBodyBytes} bytes`)),
  }));
  app.get("/v1/models", (c) => c.json({ object: "list", data: [...models.values()].map(describe) }));
  app.get("/v1/models/:id{.+}", (c) => c.json(describe(modelOf(c.req.param("id")))));
  app.post("/v1/chat/completions", answer(CHAT));
  app.post("/v1/completions", answer(COMPLETIONS));
  app.post("/tokenize", async (c) => {
    const body = readBody(TOKENIZE, await readJson(c));
    const { tokenizer, engine, texts } = modelOf(body.model);
    if ((body.prompt ?? body.messages ?? undefined) === undefined) {
      throw new ApiError(400, "Cannot tokenize as prompt or messages must be given: neither is", {
        param: "prompt",
      });
    }
    if (body.messages && body.add_special_tokens) {
      throw new ApiError(400, "Cannot use add_special_tokens as messages get a chat template's: it is true", {
        param: "add_special_tokens",
      });
    }
    const tokens = body.messages
      ? tokenizer.promptIds({ messages: body.messages })
      : tokenizer.encode(body.prompt!, { addSpecialTokens: body.add_special_tokens ?? true });
    return c.json({
      count: tokens.length,
      max_model_len: engine.stats.context,
      tokens,
      token_strs: body.return_token_strs ? tokens.map((id) => texts.of(id)) : null,
    });
  });
  app.post("/detokenize", async (c) => {
    const { model, tokens } = readBody(DETOKENIZE, await readJson(c));
    const { texts, tokenizer } = modelOf(model);
    requireKnown(tokenizer, tokens, "tokens");
    return c.json({ prompt: texts.join(tokens) });
  });
  return app;
}

/** @throws {ApiError} 400 where the body is no JSON. */
async function readJson(c: Context): Promise<unknown> {
  try {
    return await c.req.json();
  } catch (thrown) {
    throw new ApiError(400, `Cannot read the body as it must be JSON: ${messageOf(thrown)}`);
  }
}

/**
 * Token ids of a prompt.
 * @throws {ApiError} 400 where the model cannot take it.
 */
function promptIds({ tokenizer, engine }: Model, prompt: Ask["prompts"][number]): readonly number[] {
  const param = "messages" in prompt ? "messages" : "prompt";
  const { context } = engine.stats;
  const tooLong = (size: string) =>
    new ApiError(400, `Cannot use ${param} as it must fit the context of ${context} tokens: it has ${size}`, {
      param,
      code: "context_length_exceeded",
    });
  const characters = "text" in prompt
    ? prompt.text.length
    : "messages" in prompt
    ? prompt.messages.reduce((sum, { content }) => sum + content.length, 0)
    : 0;
  if (characters > context * TOKEN_CHARACTERS) throw tooLong(`${characters} characters`);
  const ids = tokenizer.promptIds(prompt);
  requireKnown(tokenizer, ids, param);
  if (ids.length === 0) {
    throw new ApiError(400, `Cannot use ${param} as it must have a token: it is empty`, { param });
  }
  if (ids.length > context) throw tooLong(`${ids.length}`);
  return ids;
}

/** @throws {ApiError} 400 where a token id is none of the tokenizer's. */
function requireKnown({ vocabSize }: Tokenizer, ids: readonly number[], param: string): void {
  const unknown = ids.find((id) => id >= vocabSize);
  if (unknown === undefined) return;
  throw new ApiError(400, `Cannot use ${param} as token ids must be below ${vocabSize}: one is ${unknown}`, {
    param,
  });
}
