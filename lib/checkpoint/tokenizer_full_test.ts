/** Real vocabularies against what transformers, and the Rust library behind it, make of the same text. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createRandom } from "../math/mod.ts";
import { exists, readJsonl, userCacheDir } from "../std/files.ts";
import { SHARED, sharedTest } from "../std/test_support.ts";
import type { Message } from "../types/mod.ts";
import { readGgufHeader } from "./gguf.ts";
import { tokenizerFilesOf } from "./gguf_tokenizer.ts";
import { WeightFile } from "./stored_tensor.ts";
import { loadTokenizer } from "./tokenizer.ts";

interface Golden {
  messages: Message[];
  rendered: string;
  prompt_ids: number[];
  greedy_ids: number[];
  greedy_text: string;
}

async function python(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("python3", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const metadataOf = new Map<string, Promise<Record<string, unknown>>>();
/** Metadata of a model that `../shared/models/fetch.py` brings. */
function realMetadata(name: string): Promise<Record<string, unknown>> {
  if (!metadataOf.has(name)) {
    metadataOf.set(
      name,
      (async () => {
        const file = new WeightFile((await python(join(SHARED!, "models/fetch.py"), name)).trim());
        try {
          return readGgufHeader(file).metadata;
        } finally {
          file.close();
        }
      })(),
    );
  }
  return metadataOf.get(name)!;
}

for (const name of ["smollm2", "qwen05", "gemma270"]) {
  sharedTest(
    `${name}: templates, prompt ids and texts equal transformers' on all prompts`,
    async (shared) => {
      const tokenizer = await loadTokenizer(tokenizerFilesOf(await realMetadata(name))!);
      const golden = await readJsonl<Golden>(join(shared, "golden", `${name}.jsonl`));
      assert.equal(golden.length, 20);
      for (const { messages, rendered, prompt_ids, greedy_ids, greedy_text } of golden) {
        assert.equal(tokenizer.renderChat(messages), rendered);
        assert.deepEqual(tokenizer.promptIds({ messages }), prompt_ids);
        assert.equal(tokenizer.decode(greedy_ids, { skipSpecialTokens: false }), greedy_text);
      }
      assert.equal(tokenizer.hasChatTemplate, name !== "gemma270");
    },
  );
}

/** Hard parts of text: white space, digits, scripts, marks, contractions, code, tokens spelled out. */
const PARTS = [
  ..."\n|\n\n\n|\t|\r\n| |  |   |      |don't|I'LL|it's|'RE|123456|٣٤٥|½²|東京|タワー|é|e\u0301|ſ|'ſ|🙂|👩\u200d🚀"
    .split("|"),
  ..."<|im_start|>~<|endoftext|>~<tool_call>~<bos>~<start_of_turn>~</s>~<0x0A>~▁~▁▁~#### ~A)~foo_bar~x**2~////~?!~…"
    .split("~"),
  ..."word|Hello| the|Straße|한국어|नमस्ते|العربية|\u0085|\ufeff|\u00a0|\u200b|\u0000|\u{10ffff}".split("|"),
];
const TOKENIZERS = "tokenizers==0.23.3";
const ENCODE = `
import json, sys
from tokenizers import Tokenizer
texts = json.load(open(sys.argv[2]))
t = Tokenizer.from_file(sys.argv[1])
print(json.dumps([t.encode(text).ids for text in texts]))
`;

sharedTest(
  "ids of 1,000 random texts equal the Rust library's over the same tokenizer.json",
  async (_, t) => {
    const packages = join(userCacheDir(), "slolab-test-python", TOKENIZERS);
    if (!await exists(join(packages, "tokenizers"))) {
      await python("-m", "pip", "install", "--quiet", "--no-deps", "--target", packages, TOKENIZERS);
    }
    const random = createRandom(1);
    const texts = Array.from(
      { length: 1000 },
      (_, i) =>
        Array.from({ length: 1 + random.int(12) }, () => PARTS[random.int(PARTS.length)]).join(
          " ".repeat(i % 2),
        ),
    );
    const folder = await Deno.makeTempDir();
    try {
      const textsPath = join(folder, "texts.json"), tokenizerPath = join(folder, "tokenizer.json");
      await Deno.writeTextFile(textsPath, JSON.stringify(texts));
      const script = `import sys; sys.path.insert(0, ${JSON.stringify(packages)})${ENCODE}`;
      const compare = async (metadata: Record<string, unknown>) => {
        const files = tokenizerFilesOf(metadata)!;
        await Deno.writeTextFile(tokenizerPath, JSON.stringify(files.tokenizer));
        const expected = JSON.parse(await python("-c", script, tokenizerPath, textsPath)) as number[][];
        const tokenizer = await loadTokenizer(files);
        for (const [i, text] of texts.entries()) {
          assert.deepEqual(tokenizer.encode(text), expected[i], JSON.stringify(text));
        }
      };
      for (const pre of ["smollm", "gpt-2", "qwen2", "llama-bpe"]) {
        await t.step(`smollm2's vocabulary, split as ${pre}`, async () => {
          await compare({ ...await realMetadata("smollm2"), "tokenizer.ggml.pre": pre });
        });
      }
      for (const name of ["qwen05", "gemma270"]) {
        await t.step(name, async () => await compare(await realMetadata(name)));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
