import assert from "node:assert/strict";
import { join } from "node:path";
import { ensureVariant } from "slolab/compress/cache.ts";
import { readTokenizer } from "slolab/engine/tokenizer.ts";
import { inTemp, sharedTest } from "slolab/std/test_support.ts";
import { writeHubExport } from "./hub_export.ts";
import { fetchModel, requantised } from "./inputs.ts";
import type { Answer } from "./measure.ts";
import { EngineProcess, LLAMA_CPP, SLOLAB, TRANSFORMERS_JS } from "./process.ts";

const QUESTIONS = [
  "What is the capital of France?",
  "Who wrote Hamlet? Answer with the name.",
  "Count from one to ten.",
];
const CELL = { batch: 2, past: 40 };
const OPTIONS = { threads: 2, context: 256, sequences: 3, cells: [CELL] };

sharedTest("every engine decodes, reads prompts and answers sensibly", async () => {
  const path = await fetchModel("smollm2");
  const { dir } = await ensureVariant({ model: path, variant: "med" });
  const tokenizer = (await readTokenizer(dir))!;
  const requests = QUESTIONS.map((content, i) => ({
    ids: tokenizer.promptIds({ messages: [{ role: "user", content }] }),
    tokens: 12 + i,
  }));
  /** What an engine says, two requests at a time. */
  const answers = async (engine: EngineProcess) => {
    const { tokens, outputs } = await engine.ask({ kind: "serve", requests, concurrency: 2 });
    assert.equal(tokens, 12 + 13 + 14);
    assert.deepEqual(outputs!.map((o) => o.length), [12, 13, 14]);
    return outputs!.map((ids) => tokenizer.decode(ids));
  };
  const measures = async (engine: EngineProcess) => {
    const timed = (answer: Answer) =>
      assert.ok(answer.tokens > 0 && answer.seconds > 0, JSON.stringify(answer));
    timed(await engine.ask({ kind: "decode", cell: CELL, ms: 1 }));
    timed(await engine.ask({ kind: "prefill", length: 64, ms: 1 }));
  };

  await using slolab = await EngineProcess.start("med", SLOLAB, { dir, form: "blocks", ...OPTIONS });
  await measures(slolab);
  const ours = await answers(slolab);
  assert.match(ours[1], /Shakespeare/);
  await measures(slolab);

  const file = await requantised(path, "Q8_0");
  await using llama = await EngineProcess.start("q8_0", LLAMA_CPP, { path: file, ...OPTIONS });
  await measures(llama);
  const theirs = await answers(llama);
  // The same weights rounded otherwise: near ties part later greedy tokens, and where depends on the CPU.
  const beginning = (text: string) => text.trim().slice(0, 3);
  assert.deepEqual(theirs.map(beginning), ours.map(beginning));
  await measures(llama);

  await inTemp(async (temp) => {
    const folder = join(temp, "export");
    await writeHubExport(path, folder);
    await using hub = await EngineProcess.start("transformers_js", TRANSFORMERS_JS, { folder, threads: 2 });
    assert.match((await answers(hub)).join("\n"), /Paris|Shakespeare/);
  });
});
