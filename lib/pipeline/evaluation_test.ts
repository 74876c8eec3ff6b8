import assert from "node:assert/strict";
import { join } from "node:path";
import { response, withRawServer } from "../endpoint/testing/raw_server.ts";
import { type Prediction, readPredictions } from "../eval/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson } from "../std/files.ts";
import { type EvaluationRunSettings, runEvaluation } from "./evaluation.ts";
import { inLab, type Lab, withServed, writeRawSample } from "./testing/lab.ts";

/** Evaluates into `dir/NAME`, the sample standing for the benchmarks. */
async function evaluate(
  { dir, model, dataDir }: Lab,
  name: string,
  changes: Partial<EvaluationRunSettings>,
  resume = false,
) {
  const outputDir = join(dir, name), rawDir = join(dir, "raw");
  if (!await exists(rawDir)) await writeRawSample(rawDir);
  const results = await runEvaluation({
    model,
    variant: "med",
    device: "cpu",
    slots: 4,
    mmluMethod: "loglikelihood",
    mmluMaxTokens: 2,
    gsm8kMaxTokens: 3,
    mmluLimit: 3,
    gsm8kLimit: 1,
    seed: 1,
    ...changes,
  }, {
    outputDir,
    resume,
    preprocess: false,
    ...(changes.protocol === "lm-eval" ? { rawDir } : { dataDir }),
    command: "deno task evaluate",
    print: () => {},
  });
  return { results, outputDir, predictions: await readPredictions(join(outputDir, "predictions.jsonl")) };
}

const byId = (predictions: Prediction[]) => predictions.toSorted((a, b) => a.id < b.id ? -1 : 1);

Deno.test("runEvaluation() asks as lm-eval does, without load, and resumes", () =>
  inLab(async (lab) => {
    const settings = { protocol: "lm-eval", context: 128, limit: 1 } as const;
    const { results, outputDir, predictions } = await evaluate(lab, "out", settings);
    assert.deepEqual([results.mmlu.total_count, results.gsm8k.total_count], [3, 1]);
    assert.deepEqual([results.shots, results.chat_template_applied], [{ mmlu: 0, gsm8k: 5 }, false]);
    assert.ok(predictions.at(-1)!.promptTokensCut > 0);
    assert.equal((await readJson<{ status: string }>(join(outputDir, "run.json"))).status, "complete");
    assert.match(
      await Deno.readTextFile(join(outputDir, "report.html")),
      /Protocol of lm-evaluation-harness 0\.4\.13.*without a chat template; .*: MMLU 0, GSM8K 5\./,
    );
    const kept = await Deno.readTextFile(join(outputDir, "predictions.jsonl"));
    assert.deepEqual((await evaluate(lab, "out", settings, true)).results, results);
    assert.equal(await Deno.readTextFile(join(outputDir, "predictions.jsonl")), kept);
    await assert.rejects(
      evaluate(lab, "out", { ...settings, shots: 1 }, true),
      /Cannot resume .* as shots must be/,
    );
  }));

for (const protocol of ["slolab", "lm-eval"] as const) {
  Deno.test(`runEvaluation() asks an endpoint what it asks the engine behind it (${protocol})`, () =>
    inLab(async (lab) => {
      const engine = await evaluate(lab, "engine", { protocol });
      await withServed(lab.model, ["med"], async (endpoints) => {
        const endpoint = endpoints.get("med")!;
        const asked = { protocol, endpoint, model: endpoint.model, variant: null };
        const remote = await evaluate(lab, "endpoint", asked);
        assert.equal(engine.predictions.length, 4);
        const told = (predictions: Prediction[]) =>
          byId(predictions).map(({ id, predicted, text, error }) => ({ id, predicted, text, error }));
        assert.deepEqual(told(remote.predictions), told(engine.predictions));
        assert.ok(remote.predictions.every((p) => p.error === null));
        const scores = (predictions: Prediction[]) => byId(predictions).flatMap((p) => p.scores ?? []);
        const [ours, theirs] = [scores(engine.predictions), scores(remote.predictions)];
        assert.equal(theirs.length, 12);
        theirs.forEach((score, i) => assert.ok(Math.abs(score - ours[i]) < 1e-4, `${score}, not ${ours[i]}`));

        const run = await readJson<Record<string, unknown>>(join(remote.outputDir, "run.json"));
        assert.deepEqual([run.status, run.variant, run.model], ["complete", null, { name: "tiny/med" }]);
        assert.deepEqual(await evaluate(lab, "endpoint", asked, true), remote);
      });
    }));
}

Deno.test("runEvaluation() cuts an endpoint's prompts as it cuts the engine's, where the tokenizer is named", () =>
  inLab(async (lab) => {
    const settings = { protocol: "lm-eval", context: 128 } as const;
    const engine = await evaluate(lab, "engine", settings);
    await withServed(lab.model, ["med"], async (endpoints) => {
      const endpoint = endpoints.get("med")!;
      const asked = { ...settings, endpoint, model: endpoint.model, variant: null };
      const remote = await evaluate(lab, "endpoint", { ...asked, tokenizer: lab.model });
      const told = (predictions: Prediction[]) =>
        byId(predictions).map(({ id, text, error, promptTokensCut }) => ({
          id,
          text,
          error,
          promptTokensCut,
        }));
      assert.deepEqual(told(remote.predictions), told(engine.predictions));
      assert.ok(remote.predictions.every((p) => p.error === null && p.promptTokensCut > 0));
      await assert.rejects(
        evaluate(lab, "none", { ...asked, tokenizer: lab.dir }),
        (e) => e instanceof BadInput && /must hold its tokenizer.json: there is none/.test(e.message),
      );
    });
  }));

Deno.test("runEvaluation() says at once that an endpoint cannot score, and what to do", () =>
  inLab(async (lab) => {
    // As llama.cpp does: echo is ignored, there is no /tokenize.
    const answer = JSON.stringify({ choices: [{ text: "a", index: 0 }, { text: "a", index: 1 }] });
    await withRawServer(
      ({ line, write }) => write(/completions/.test(line) ? response(200, answer) : response(404, "{}")),
      async ({ baseUrl }) => {
        const endpoint = { baseUrl, model: "m" };
        const refuses = (settings: Partial<EvaluationRunSettings>, message: RegExp) =>
          assert.rejects(
            evaluate(lab, "out", { endpoint, model: "m", variant: null, ...settings }),
            (e) => e instanceof BadInput && message.test(e.message) && !e.message.includes("\n"),
          );
        await refuses({}, /\(use --mmlu-method generate, or --mmlu-questions 0\): .* it ignores echo/);
        await refuses({ protocol: "lm-eval" }, /\(use --mmlu-questions 0\): .* it ignores echo/);
        assert.equal(await exists(join(lab.dir, "out")), false);
      },
    );
  }));
