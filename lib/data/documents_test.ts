import assert from "node:assert/strict";
import { join } from "node:path";
import { inTemp, ROOT } from "../std/test_support.ts";
import { loadDocuments } from "./documents.ts";
import { SampleSource } from "./raw_source.ts";

Deno.test("loadDocuments() keeps each row as it is, beside the record that is made of it", async () => {
  await inTemp(async (dir) => {
    const write = (path: string, rows: object[]) =>
      Deno.writeTextFile(join(dir, path), rows.map((row) => JSON.stringify(row)).join("\n"));
    await Deno.mkdir(join(dir, "mmlu"));
    await Deno.mkdir(join(dir, "gsm8k"));
    const row = { question: " Which?\n", subject: "anatomy", choices: [" a", "b ", "c", "d"], answer: 1 };
    await write("mmlu/test.jsonl", [row]);
    await write("mmlu/dev.jsonl", [row]);
    await write("gsm8k/test.jsonl", [{ question: "How many? ", answer: "1 + 1 = <<1+1=2>>2\n#### 2" }]);
    await write("gsm8k/train.jsonl", [{ question: "And how?", answer: "#### 1,000" }]);
    const { mmlu, gsm8k, isSample, sources } = await loadDocuments({ rawDir: dir });
    const [document] = mmlu.test;
    assert.deepEqual([document.question, document.choices, document.answer], [" Which?\n", row.choices, "B"]);
    assert.deepEqual([document.record.id, document.record.choices?.[0]], ["mmlu/test/0", "a"]);
    assert.equal(gsm8k.test[0].question, "How many? ");
    assert.equal(gsm8k.shown[0].answer, "#### 1,000");
    assert.equal(isSample, false);
    assert.deepEqual(sources.map((s) => [s.dataset, s.split, s.use, s.rows]), [
      ["mmlu", "test", "questions", 1],
      ["mmlu", "dev", "few_shot", 1],
      ["gsm8k", "test", "questions", 1],
      ["gsm8k", "train", "few_shot", 1],
    ]);
  });
});

Deno.test("loadDocuments() says that the sample is one", async () => {
  const { isSample, mmlu } = await loadDocuments({ source: new SampleSource(join(ROOT, "data", "sample")) });
  assert.equal(isSample, true);
  assert.match(mmlu.test[0].record.id, /^mmlu\/sample\/0$/);
});
