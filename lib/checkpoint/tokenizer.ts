/**
 * Text to token ids and back: the one module that knows the tokenizer package.
 *
 * Encoding and chat templates are those of transformers.js over `tokenizer.json`; the package loads native
 * libraries with it, so it is imported when the first tokenizer is made. Decoding is `token_decoder.ts`.
 */
import { BadInput, messageOf } from "../std/errors.ts";
import type { Message, PromptInput } from "../types/mod.ts";
import type { TokenizerFiles } from "./checkpoint.ts";
import { withUnicodePatterns } from "./pre_tokenizer.ts";
import { createTokenDecoder, type StreamDecoder } from "./token_decoder.ts";

export type { StreamDecoder } from "./token_decoder.ts";

export interface DecodeOptions {
  /** Leaves out tokens that structure the prompt, such as `<|im_end|>` (default true). */
  skipSpecialTokens?: boolean;
}

export interface Tokenizer {
  /** One more than the largest token id; the model's embedding may be padded beyond it. */
  readonly vocabSize: number;
  /** False for a base model: its prompts are plain text. */
  readonly hasChatTemplate: boolean;
  /**
   * Token ids of a text; special tokens spelled in it are taken as such.
   * @param o.addSpecialTokens puts the tokens around it that the model's tokenizer adds, usually a leading BOS (default true)
   */
  encode(text: string, o?: { addSpecialTokens?: boolean }): number[];
  /** The text of token ids; what the pieces of a `streamDecoder` join to. */
  decode(ids: readonly number[], o?: DecodeOptions): string;
  /**
   * The chat template applied, up to where the assistant's answer begins; without a template the messages'
   * contents with an empty line between.
   * @throws {BadInput} where the template refuses the messages.
   */
  renderChat(messages: readonly Message[]): string;
  /** Token ids of a prompt; a string is plain text, and text gets the tokenizer's special tokens around it. */
  promptIds(prompt: PromptInput): number[];
  streamDecoder(o?: DecodeOptions): StreamDecoder;
}

interface AddedToken {
  id: number;
  special?: boolean;
}

/**
 * Makes a tokenizer of a checkpoint's files.
 * @throws {BadInput} where `tokenizer.json` is not one that can be used.
 */
export async function loadTokenizer(files: TokenizerFiles): Promise<Tokenizer> {
  const { PreTrainedTokenizer } = await import("@huggingface/transformers");
  const json = { ...files.tokenizer, pre_tokenizer: withUnicodePatterns(files.tokenizer.pre_tokenizer) };
  let inner: InstanceType<typeof PreTrainedTokenizer>;
  try {
    inner = new PreTrainedTokenizer(json, files.config);
  } catch (thrown) {
    throw new BadInput(`Cannot use tokenizer.json as it must describe a tokenizer: ${messageOf(thrown)}`);
  }

  const tokens: string[] = [];
  for (const [token, id] of inner.get_vocab()) if (token !== undefined) tokens[id] = token;
  const added = (files.tokenizer.added_tokens ?? []) as AddedToken[];
  const createStream = createTokenDecoder(files.tokenizer.decoder, {
    tokens,
    added: new Set(added.map((t) => t.id)),
    special: new Set(added.filter((t) => t.special).map((t) => t.id)),
  });
  const hasChatTemplate = Boolean(inner.chat_template);

  const tokenizer: Tokenizer = {
    vocabSize: tokens.length,
    hasChatTemplate,
    encode: (text, { addSpecialTokens = true } = {}) =>
      inner.encode(text, { add_special_tokens: addSpecialTokens }),
    decode(ids, o) {
      const stream = tokenizer.streamDecoder(o);
      return ids.map((id) => stream.push(id)).join("") + stream.flush();
    },
    renderChat(messages) {
      if (!hasChatTemplate) return messages.map((m) => m.content).join("\n\n");
      try {
        return inner.apply_chat_template([...messages], { tokenize: false, add_generation_prompt: true });
      } catch (thrown) {
        throw new BadInput(
          `Cannot render a chat of ${messages.map((m) => m.role).join(", ")} as the model's template must ` +
            `take it: ${messageOf(thrown)}`,
        );
      }
    },
    promptIds(prompt) {
      if (typeof prompt === "string") return tokenizer.encode(prompt);
      if ("ids" in prompt) return [...prompt.ids];
      if ("text" in prompt) return tokenizer.encode(prompt.text);
      return tokenizer.encode(tokenizer.renderChat(prompt.messages), { addSpecialTokens: !hasChatTemplate });
    },
    streamDecoder: ({ skipSpecialTokens = true } = {}) => createStream(skipSpecialTokens),
  };
  return tokenizer;
}
