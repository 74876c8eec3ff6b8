import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTinyChatModel } from "../checkpoint/testing/tiny_chat_model.ts";
import { ensureVariant } from "../compress/cache.ts";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { setQuiet } from "../std/progress.ts";
import type { Example } from "../types/mod.ts";
import { judgeVariants, sourceNote } from "./variant_quality.ts";

const TEST: Example[] = Array.from({ length: 8 }, (_, i) => ({
  id: `t-${i}`,
  dataset: i % 2 ? "gsm8k" : "mmlu",
  prompt: `${i} + ${i}?${i % 2 ? "" : "\nA) 0\nB) 1\nC) 2\nD) 3"}`,
  answer: "A",
  subject: "",
  difficulty: "easy",
  category: "other",
  choices: i % 2 ? undefined : ["0", "1", "2", "3"],
  inputLength: 1,
  outputLength: 1,
} as Example));

async function inLab(run: (options: { model: string; cacheDir: string }) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  setQuiet(true);
  try {
    const model = join(dir, "model");
    await writeTinyChatModel(model);
    await run({ model, cacheDir: join(dir, "cache") });
  } finally {
    setQuiet(false);
    await Deno.remove(dir, { recursive: true });
  }
}

const data = { test: TEST, isSample: true };

Deno.test("judgeVariants() finds cheap farther from base than med, and writes it beside the build's report", () =>
  inLab(async (lab) => {
    const variants = ["base", "med", "cheap"] as const;
    const judge = () => judgeVariants({ ...lab, variants, rounding: "fit", data, questions: 3 });
    const qualities = await judge();
    assert.deepEqual([...qualities.keys()], [...variants]);
    const [base, med, cheap] = variants.map((v) => qualities.get(v)!);
    assert.deepEqual([base.kl_to_base, base.top1_agreement], [null, null]);
    assert.ok(med.kl_to_base!.mean > 0 && med.kl_to_base!.mean < cheap.kl_to_base!.mean);
    assert.ok(med.top1_agreement! > cheap.top1_agreement!);
    for (const q of [base, med, cheap]) {
      assert.deepEqual([q.prompts, q.data_source, q.note], [6, "sample", null]);
      assert.ok(q.positions > 6 && q.perplexity! > 1);
      assert.equal(q.prompts_sha256, base.prompts_sha256);
    }
    const { dir } = await ensureVariant({ ...lab, variant: "cheap" });
    const report = await readJson<Record<string, unknown>>(join(dir, "report.json"));
    assert.deepEqual(report.quality, cheap);
    assert.ok(report.matrices);
    assert.deepEqual(await judge(), qualities);
    const quick = await judgeVariants({
      ...lab,
      variants,
      rounding: "fit",
      data,
      questions: 1,
      textTokens: 9,
      save: false,
    });
    assert.deepEqual([quick.get("cheap")!.prompts, quick.get("cheap")!.text_tokens], [2, 9]);
    assert.deepEqual((await readJson<Record<string, unknown>>(join(dir, "report.json"))).quality, cheap);
  }));

Deno.test("judgeVariants() refuses with figures where memory is short, and a model without a tokenizer", () =>
  inLab(async (lab) => {
    const options = { ...lab, variants: ["med"], rounding: "fit", data } as const;
    await assert.rejects(judgeVariants({ ...options, available: 1000 }), (thrown) => {
      assert.ok(thrown instanceof BadInput);
      assert.match(thrown.message, /^Cannot report on .* must fit memory .* about 0.0 GB, 0.0 GB are free$/);
      return true;
    });
    await Deno.remove(join(lab.model, "tokenizer.json"));
    const cacheDir = join(lab.cacheDir, "other");
    await assert.rejects(judgeVariants({ ...options, cacheDir }), /must have a tokenizer: it has none/);
  }));

Deno.test("sourceNote() says that a quantised source gives the cost of a second rounding", () => {
  const source = { kind: "path", location: "", revision: null, sha256: "", format: "gguf" } as const;
  assert.equal(sourceNote({ source: { ...source, bitsPerWeight: 16 } }), null);
  assert.match(
    sourceNote({ source: { ...source, bitsPerWeight: 4.85 } })!,
    /to 4.85 bits .* second rounding/,
  );
});
