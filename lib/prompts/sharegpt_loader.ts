/**
 * Loads ShareGPT's JSON: an array of conversations such as
 * `{"id":"x1","conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Hello."}]}`,
 * or with `messages` of `role` and `content`. A name that ends in `.jsonl` holds one of them a line.
 */
import { BadInput } from "../std/errors.ts";
import { readJsonl } from "../std/files.ts";
import type { Difficulty, Example, Message } from "../types/mod.ts";
import { readJsonArray } from "./json_array.ts";

const ROLES: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  assistant: "assistant",
};

/** Why a conversation cannot be used. */
export type SkipReason =
  | "no_turns"
  | "unknown_role"
  | "not_text"
  | "empty_turn"
  | "not_alternating"
  | "no_reply";

export interface ShareGptLoad {
  examples: Example[];
  /** Conversations read. */
  total: number;
  /** How many of them were left out, by reason. */
  skipped: Partial<Record<SkipReason, number>>;
}

export interface ShareGptOptions {
  /** Counts the tokens of a text, as for the other data sets. */
  countTokens: (text: string) => number;
  /** Stops after so many examples (default: all). */
  limit?: number;
}

/** Turns of a file to messages, or the reason why they are none. */
function messagesOf(turns: unknown): Message[] | SkipReason {
  if (!Array.isArray(turns) || turns.length === 0) return "no_turns";
  const messages: Message[] = [];
  for (const turn of turns) {
    const name = turn?.from ?? turn?.role;
    if (typeof name !== "string" || !Object.hasOwn(ROLES, name)) return "unknown_role";
    const content = turn.value ?? turn.content;
    if (typeof content !== "string") return "not_text";
    if (content.trim() === "") return "empty_turn";
    messages.push({ role: ROLES[name], content });
  }
  return messages;
}

/**
 * Keeps the longest stretch that asks and is answered: a system message, then user and assistant in turn.
 * Replies before the first question (a conversation's later part) and questions after the last reply go.
 */
function trim(messages: Message[]): Message[] | SkipReason {
  const system = messages[0].role === "system" ? messages.slice(0, 1) : [];
  const first = messages.findIndex((m) => m.role === "user");
  const last = messages.findLastIndex((m) => m.role === "assistant");
  if (first < 0 || last < first) return "no_reply";
  const talk = messages.slice(first, last + 1);
  const alternates = talk.every((m, i) => m.role === (i % 2 ? "assistant" : "user"));
  return alternates ? [...system, ...talk] : "not_alternating";
}

/** By the number of questions that a reply must take into account: 1, 2 to 3, more. */
function difficultyOf(questions: number): Difficulty {
  return questions === 1 ? "easy" : questions <= 3 ? "medium" : "hard";
}

/**
 * Reads conversations as examples: the last question is the prompt, its reply the answer, `turns` all up to it.
 * @throws {BadInput} where the file is absent, malformed, or holds no usable conversation.
 */
export async function loadShareGpt(path: string, options: ShareGptOptions): Promise<ShareGptLoad> {
  const { countTokens, limit = Infinity } = options;
  const load: ShareGptLoad = { examples: [], total: 0, skipped: {} };
  for await (const record of path.endsWith(".jsonl") ? await readJsonl(path) : readJsonArray(path)) {
    if (load.examples.length >= limit) break;
    const { conversations, messages } = (record ?? {}) as { conversations?: unknown; messages?: unknown };
    const given = conversations ?? messages;
    if (given === undefined) {
      throw new BadInput(
        `Cannot read ${path} as each element must hold 'conversations' or 'messages': element ${load.total} does not`,
      );
    }
    const index = load.total++;
    const read = messagesOf(given);
    const kept = typeof read === "string" ? read : trim(read);
    if (typeof kept === "string") {
      load.skipped[kept] = (load.skipped[kept] ?? 0) + 1;
      continue;
    }
    const turns = kept.slice(0, -1);
    const answer = kept.at(-1)!.content;
    load.examples.push({
      dataset: "sharegpt",
      prompt: turns.at(-1)!.content,
      answer,
      subject: "conversation",
      difficulty: difficultyOf(turns.filter((m) => m.role === "user").length),
      inputLength: turns.reduce((sum, m) => sum + countTokens(m.content), 0),
      outputLength: countTokens(answer),
      id: `sharegpt/all/${index}`,
      turns,
    });
  }
  if (load.examples.length === 0) {
    throw new BadInput(
      `Cannot use ${path} as it must hold a conversation with a question and a reply: none of ${load.total} does`,
    );
  }
  return load;
}
