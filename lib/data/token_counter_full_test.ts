import assert from "node:assert/strict";
import { join } from "node:path";
import { Tiktoken } from "js-tiktoken/lite";
import ranks from "js-tiktoken/ranks/cl100k_base";
import { sharedTest } from "../std/test_support.ts";
import { parseRows } from "./benchmark.ts";
import { gsm8k } from "./gsm8k.ts";
import { mmlu } from "./mmlu.ts";
import { readParquet } from "./parquet.ts";
import { loadTokenCounter } from "./token_counter.ts";

sharedTest("counts equal plain js-tiktoken's on every record of MMLU and GSM8K", async (shared) => {
  const plain = new Tiktoken(ranks);
  const count = await loadTokenCounter();
  let compared = 0;
  for (const [benchmark, splits] of [[mmlu, ["test", "dev"]], [gsm8k, ["test", "train"]]] as const) {
    for (const split of splits) {
      const folder = join(shared, "hub", "datasets", benchmark.repo, "resolve", "main", benchmark.config);
      const rows = await readParquet(join(folder, `${split}-00000-of-00001.parquet`));
      for (const { id, prompt, answer, solution } of parseRows(benchmark, split, rows)) {
        for (const text of [prompt, solution ?? answer]) {
          assert.equal(count(text), plain.encode(text).length, id);
          compared++;
        }
      }
    }
  }
  assert.equal(compared, 2 * 23_119);
});
