/**
 * Log-likelihoods of continuations by `/completions`: each prompt with its continuation is echoed with the
 * log-probabilities of its tokens, as lm-evaluation-harness asks for them.
 *
 * Where the server tokenizes (`/tokenize` in vLLM's form) prompt and continuation are joined as token ids, as the
 * engine joins them; what is given as ids is sent as it is. Elsewhere they are joined as text, and a token across the
 * seam counts as the continuation's.
 * @see lm-evaluation-harness, `lm_eval/models/openai_completions.py`
 */
import type { Continuation, ContinuationScore, PromptInput } from "../types/mod.ts";
import { EndpointError, StatusError } from "./errors.ts";

/** What scoring needs of a target. */
export interface Asker {
  readonly model: string;
  readonly name: string;
  post(path: string, body: unknown): Promise<unknown>;
}

interface Echo {
  text?: string;
  index?: number;
  logprobs?: {
    tokens?: string[];
    token_logprobs?: (number | null)[];
    top_logprobs?: (Record<string, number> | null)[] | null;
    text_offset?: number[] | null;
  } | null;
}

/**
 * Scores continuations after a prompt.
 * @param path of the protocol on the server, `/v1`
 * @throws {EndpointError} `unsupported` where the server does not echo log-probabilities, or cannot tokenize messages or
 * what stands beside token ids.
 * @throws {RangeError} where a continuation has no token.
 */
export async function scoreByEcho(
  asker: Asker,
  path: string,
  prompt: PromptInput,
  continuations: readonly Continuation[],
): Promise<ContinuationScore[]> {
  if (continuations.length === 0) return [];
  const empty = continuations.find((c) => c.length === 0);
  if (empty !== undefined) {
    throw new RangeError(
      `Cannot score a continuation as it must have a token: it is ${JSON.stringify(empty)}`,
    );
  }
  const root = path.replace(/\/v1$/, "");
  const ids = await tokenize(asker, root, prompt);
  const parts = ids && await Promise.all(
    continuations.map((c) =>
      typeof c === "string" ? tokenize(asker, root, { text: c }, false) : tokenize(asker, root, { ids: c })
    ),
  );
  const isTokenized = ids !== null && parts!.every((part) => part !== null);
  const texts = continuations.filter((c) => typeof c === "string");
  const isText = typeof prompt === "string" || "text" in prompt;
  if (!isTokenized && !(isText && texts.length === continuations.length)) {
    throw unsupported(
      asker,
      "the server must tokenize where not all is text (/tokenize): it does not",
    );
  }
  const text = typeof prompt === "string" ? prompt : "text" in prompt ? prompt.text : "";
  const answer = await asker.post(`${path}/completions`, {
    model: asker.model,
    prompt: isTokenized ? parts!.map((part) => [...ids, ...part!]) : texts.map((c) => text + c),
    max_tokens: 1,
    temperature: 0,
    logprobs: 1,
    echo: true,
  }) as { choices?: Echo[] };
  const echoes = (answer.choices ?? []).toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
  if (echoes.length !== continuations.length) {
    throw unsupported(
      asker,
      `the server must answer a list of ${continuations.length} prompts: it gave ${echoes.length} choices`,
    );
  }
  return echoes.map((echo, i) => {
    const { tokens = [], token_logprobs: logprobs = [], top_logprobs: top, text_offset: offsets } =
      echo.logprobs ?? {};
    const from = isTokenized ? ids.length : firstOf(offsets, text);
    // One generated token stands behind.
    const to = isTokenized ? ids.length + parts![i]!.length : tokens.length - 1;
    const isEchoed = from > 0 && to > from && logprobs.length > to - 1 && logprobs.length <= to + 1 &&
      (isTokenized || echo.text?.startsWith(text + texts[i]));
    if (!isEchoed) {
      throw unsupported(asker, "the server must echo the prompt's log-probabilities: it ignores echo");
    }
    let logprob = 0, isGreedy = true;
    for (let at = from; at < to; at++) {
      const value = logprobs[at];
      if (value === null) throw unsupported(asker, "each token must have a log-probability: one has none");
      logprob += value;
      isGreedy &&= Object.values(top?.[at] ?? {}).every((other) => other <= value);
    }
    return { logprob, tokens: to - from, isGreedy };
  });
}

/** The first token that ends behind the prompt; 0 where it cannot be told. */
function firstOf(offsets: number[] | null | undefined, text: string): number {
  if (!offsets) return 0;
  const length = [...text].length; // servers in Python count characters
  const after = offsets.findIndex((offset) => offset >= length);
  return after > 0 && offsets[after] > length ? after - 1 : after;
}

/**
 * Token ids by `/tokenize` in vLLM's form.
 * @returns null where the server has no such thing
 */
async function tokenize(
  asker: Asker,
  root: string,
  prompt: PromptInput,
  addSpecialTokens = true,
): Promise<number[] | null> {
  if (typeof prompt === "object" && "ids" in prompt) return [...prompt.ids];
  const body = typeof prompt === "object" && "messages" in prompt
    ? { messages: prompt.messages }
    : { prompt: typeof prompt === "string" ? prompt : prompt.text, add_special_tokens: addSpecialTokens };
  try {
    const answer = await asker.post(`${root}/tokenize`, { model: asker.model, ...body });
    const { tokens } = answer as { tokens?: unknown };
    return Array.isArray(tokens) && tokens.length > 0 && tokens.every(Number.isInteger) ? tokens : null;
  } catch (thrown) {
    if (thrown instanceof StatusError && [400, 404, 405, 422, 501].includes(thrown.status)) return null;
    throw thrown;
  }
}

const unsupported = (asker: Asker, rule: string) =>
  new EndpointError("unsupported", `Cannot score with ${asker.name} as ${rule}`);
