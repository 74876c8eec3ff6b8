import assert from "node:assert/strict";
import { LM_EVAL_VERSIONS, promptHash } from "../prompts/mod.ts";
import { lmEvalAgreement, type LmEvalSample } from "./lm_eval_agreement.ts";
import type { Prediction } from "./predictions.ts";
import { gsm8kExample, mmluExample, predict } from "./testing/target.ts";

const letters = (text: string, logprobs: number[]): LmEvalSample => ({
  arguments: { gen_args_0: { arg_0: text } },
  resps: logprobs.map((logprob) => [[String(logprob), "False"]]),
  filtered_resps: logprobs.map((logprob) => [String(logprob), "False"]),
  target: "1",
  filter: "none",
});
const answer = (text: string, filter: string, read: string, right: number): LmEvalSample => ({
  arguments: { gen_args_0: { arg_0: "Question: 1?\nAnswer:" } },
  resps: [[text]],
  filtered_resps: [read],
  target: "2 + 16 = <<2+16=18>>18\n#### 18",
  filter,
  exact_match: right,
});

Deno.test("lmEvalAgreement() pairs documents by their prompt", () => {
  const hash = (text: string, dataset: "mmlu" | "gsm8k") => promptHash({ text }, LM_EVAL_VERSIONS[dataset]);
  const mmlu = (text: string, predicted: string, scores: number[]): Prediction => ({
    ...predict(mmluExample(0), predicted),
    promptHash: hash(text, "mmlu"),
    scores,
  });
  const predictions = [
    mmlu("first", "B", [-3, -1, -3, -4]),
    mmlu("second", "A", [-1, -1.5, -3, -4]),
    { ...predict(gsm8kExample(0), "so #### 18."), promptHash: hash("Question: 1?\nAnswer:", "gsm8k") },
  ];
  const { mmlu: m, gsm8k } = lmEvalAgreement([
    letters("first", [-3, -1, -3, -4]),
    letters("second", [-1.75, -1.5, -3, -4]),
    letters("third", [-1, -2, -3, -4]),
    answer("so #### 18.", "strict-match", "18.", 1),
    answer("so #### 18.", "flexible-extract", "18", 1), // not what the harness reads
  ], predictions);
  assert.deepEqual(m, { same_prompt: 2, other: 1, same_letter: 1, largest_difference: 0.75 });
  assert.deepEqual(gsm8k, { same_prompt: 1, other: 0, same_text: 1, extractions: 2, same_extraction: 1 });
});
