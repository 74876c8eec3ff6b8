import assert from "node:assert/strict";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { loadDocuments } from "../data/mod.ts";
import { SampleSource } from "../data/raw_source.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { ROOT, sharedTest } from "../std/test_support.ts";
import { HeldOutEvaluator } from "./held_out_evaluator.ts";
import {
  extractLmEvalFlexible,
  extractLmEvalStrict,
  firstOfEachTask,
  isLmEvalMatch,
  lmEvalQuestions,
} from "./lm_eval.ts";
import { askedOf, generation, ScoringTarget } from "./testing/target.ts";

const sample = () => loadDocuments({ source: new SampleSource(join(ROOT, "data", "sample")) });
const quiet = { onProgress: () => {} };

Deno.test("extractLmEvalStrict() and extractLmEvalFlexible() read as the harness's filters do", async () => {
  const path = join(ROOT, "lib", "eval", "fixtures", "lm_eval_extractions.json");
  const cases = await readJson<
    { text: string; reference: string; strict: string; flexible: string; matches: [boolean, boolean] }[]
  >(path);
  assert.ok(cases.length > 50);
  for (const { text, reference, strict, flexible, matches } of cases) {
    const read = [extractLmEvalStrict(text), extractLmEvalFlexible(text)];
    assert.deepEqual(read.map((r) => r ?? "[invalid]"), [strict, flexible], text);
    assert.deepEqual(read.map((r) => isLmEvalMatch(r, reference)), matches, `${text} against ${reference}`);
  }
});

Deno.test("isLmEvalMatch() takes a full stop away before a final newline too, as Python's $ does", () => {
  assert.equal(isLmEvalMatch("18\n", "#### 18.\n"), true);
  assert.equal(isLmEvalMatch("18", "#### 18.\n"), false);
});

Deno.test("lmEvalQuestions() scores letters after plain text, and stops word problems where the harness does", async () => {
  const questions = lmEvalQuestions(await sample(), { mmlu: 1, gsm8k: 5 });
  const [first] = questions, last = questions.at(-1)!;
  assert.deepEqual([first.method, first.continuations], ["loglikelihood", [" A", " B", " C", " D"]]);
  assert.equal(first.example.subject, "abstract_algebra");
  assert.match(
    askedOf(first.prompt),
    /^The following are multiple choice questions \(with answers\) about abstract algebra\.\n\n[^]*\nAnswer: [A-D]\n\n[^]*\nA\. [^]*\nAnswer:$/,
  );
  assert.deepEqual([last.method, last.stop], ["generate", ["Question:", "</s>", "<|im_end|>"]]);
  assert.equal(askedOf(last.prompt).match(/^Question: /gm)?.length, 6);
  assert.match(askedOf(last.prompt), /#### \S+\n\nQuestion: [^\n]*[^]*\nAnswer:$/);
  assert.equal(last.shotIds.length, 5);
});

Deno.test("lmEvalQuestions() files anatomy under STEM", async () => {
  const questions = lmEvalQuestions(await sample(), { mmlu: 0, gsm8k: 0 });
  const category = (subject: string) =>
    questions.find((q) => q.example.subject === subject)?.example.category;
  assert.deepEqual([category("anatomy"), category("virology")], ["STEM", "other"]);
});

Deno.test("lmEvalQuestions() refuses more shots than there are examples", async () => {
  const documents = await sample();
  assert.throws(
    () => lmEvalQuestions(documents, { mmlu: 5, gsm8k: 0 }),
    (e) => e instanceof BadInput && /Cannot show 5 solved examples of mmlu\/\w+ .* it has 1$/.test(e.message),
  );
});

Deno.test("firstOfEachTask() takes the first of each subject, with the shots of a whole run", async () => {
  const all = lmEvalQuestions(await sample(), { mmlu: 0, gsm8k: 5 });
  const first = firstOfEachTask(all, 1);
  assert.equal(first.length, 58);
  assert.deepEqual(first.at(-1), all.find((q) => q.example.dataset === "gsm8k"));
});

Deno.test("evaluate() asks a question set as its protocol says", async () => {
  const questions = firstOfEachTask(lmEvalQuestions(await sample(), { mmlu: 0, gsm8k: 5 }), 1);
  const target = new ScoringTarget(
    () => [-1, -2, -3, -4],
    () => generation(" 5 + 6.\n#### 11\n\nQuestion", { truncatedTokens: 0 }),
  );
  const encode = (text: string) => [...text].map((c) => c.charCodeAt(0));
  const evaluator = new HeldOutEvaluator(target, {
    protocol: "lm-eval",
    questions,
    shots: { mmlu: 0, gsm8k: 5 },
  }, {
    ...quiet,
    fit: { encode, context: 300 },
    mmluLimit: 2,
  });
  const results = await evaluator.evaluate();
  assert.deepEqual(
    [results.protocol, results.chat_template_applied, results.shots, results.max_tokens.gsm8k],
    ["lm-eval", false, { mmlu: 0, gsm8k: 5 }, 256],
  );
  assert.deepEqual(Object.keys(results.template_versions), ["mmlu", "gsm8k"]);
  assert.equal(results.few_shot_ids.gsm8k.length, 5);
  const [{ prompt, continuations }] = target.scored;
  assert.deepEqual(continuations[1], [32, 66]);
  assert.ok("ids" in (prompt as object));
  const [{ prompt: cut, options }] = target.asked;
  assert.equal((cut as { ids: number[] }).ids.length, 300 - 256);
  assert.deepEqual([options.stop, options.temperature], [["Question:", "</s>", "<|im_end|>"], 0]);
  assert.deepEqual([results.gsm8k.prompt_cut_count, results.gsm8k.total_count], [1, 1]);
  assert.equal(evaluator.predictions.at(-1)?.strictPredicted, "11");
});

Deno.test("a question set is not generated, and its answers must fit the context", async () => {
  const questions = lmEvalQuestions(await sample(), { mmlu: 0, gsm8k: 0 });
  const set = { protocol: "lm-eval", questions, shots: { mmlu: 0, gsm8k: 0 } } as const;
  const target = new ScoringTarget(() => [-1, -2, -3, -4]);
  assert.throws(() => new HeldOutEvaluator(target, set, { ...quiet, mmluMethod: "generate" }), BadInput);
  const fit = { encode: () => [1], context: 256 };
  assert.throws(() => new HeldOutEvaluator(target, set, { ...quiet, fit }), /must fit the context of 256/);
});

interface Hashes {
  mmlu_0_shot: { documents: number; subjects: Record<string, string>; first_50: string[] };
  mmlu_5_shot: Hashes["mmlu_0_shot"];
  gsm8k_5_shot: { documents: number; fifties: string[]; first_50: string[] };
}

sharedTest(
  "the prompts are those that lm-evaluation-harness 0.4.13 logs, of every document",
  async (shared) => {
    const hashes = await readJson<Hashes>(join(ROOT, "lib", "prompts", "fixtures", "lm_eval_prompts.json"));
    const hub = join(shared, "hub", "datasets");
    const source = {
      kind: "folder" as const,
      async read(benchmark: { repo: string; config: string }, split: string) {
        const { repo, config } = benchmark;
        const path = join(hub, repo, "resolve", "main", config, `${split}-00000-of-00001.parquet`);
        const { readParquet } = await import("../data/parquet.ts");
        const origin = { from: "folder" as const, location: path, revision: null, sha256: "" };
        return { label: split, rows: await readParquet(path), origin };
      },
    };
    const documents = await loadDocuments({ source });
    const sha = (text: string) => createHash("sha256").update(text).digest("hex");
    const joined = (prompts: string[]) => sha(prompts.map((p) => p + "\0").join(""));
    for (const shots of [0, 5] as const) {
      const questions = lmEvalQuestions(documents, { mmlu: shots, gsm8k: 5 });
      const prompts = Map.groupBy(questions, (q) => q.example.subject);
      const of = (subject: string) => prompts.get(subject)!.map((q) => askedOf(q.prompt));
      const expected = shots ? hashes.mmlu_5_shot : hashes.mmlu_0_shot;
      const subjects = Object.keys(expected.subjects);
      assert.deepEqual(subjects.slice(0, 50).map((s) => sha(of(s)[0])), expected.first_50);
      assert.deepEqual(Object.fromEntries(subjects.map((s) => [s, joined(of(s))])), expected.subjects);
      assert.equal(questions.filter((q) => q.example.dataset === "mmlu").length, expected.documents);
      if (shots === 0) continue;
      const word = of("grade_school_math");
      assert.deepEqual(word.slice(0, 50).map(sha), hashes.gsm8k_5_shot.first_50);
      const fifties = Array.from({ length: Math.ceil(word.length / 50) }, (_, i) => i * 50);
      assert.deepEqual(fifties.map((i) => joined(word.slice(i, i + 50))), hashes.gsm8k_5_shot.fifties);
      assert.equal(word.length, hashes.gsm8k_5_shot.documents);
    }
  },
);
