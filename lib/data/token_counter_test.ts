import assert from "node:assert/strict";
import { join } from "node:path";
import { Tiktoken } from "js-tiktoken/lite";
import ranks from "js-tiktoken/ranks/cl100k_base";
import { ROOT } from "../std/test_support.ts";
import { loadTokenCounter, TOKENIZER } from "./token_counter.ts";

const plain = new Tiktoken(ranks);

Deno.test("counts equal plain js-tiktoken's on the sample and on awkward text", async () => {
  const count = await loadTokenCounter();
  const texts = [
    "",
    " ",
    "a",
    "  two  spaces\t\ttabs \n\n\r\n lines   ",
    "I'LL we'Ve can't 's",
    "1234567 3.14159 $1,000.00 <<48/2=24>>24",
    "naïve Ελληνικά 中文字符 日本語 🙂👩‍👩‍👧 \ud800",
    "<|endoftext|> is text here",
    "antidisestablishmentarianismantidisestablishmentarianism".repeat(20),
    "x".repeat(500) + "=".repeat(500),
  ];
  for (const name of ["mmlu.jsonl", "gsm8k.jsonl"]) {
    texts.push(...(await Deno.readTextFile(join(ROOT, "data", "sample", name))).split("\n"));
  }
  for (const text of texts) {
    for (let pass = 0; pass < 2; pass++) assert.equal(count(text), plain.encode(text, [], []).length, text);
  }
});

Deno.test("the manifest names the version of js-tiktoken that deno.json pins", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  assert.equal(`npm:${TOKENIZER.split(" ")[0]}`, imports["js-tiktoken"]);
});
