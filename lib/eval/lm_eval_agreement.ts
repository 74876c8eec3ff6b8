/**
 * How far predictions agree with the samples that lm-evaluation-harness logged (`--log_samples`), question by
 * question: the letters, their log-likelihoods, and what is read out of the very texts that it logged.
 */
import { LETTERS, LM_EVAL_VERSIONS, promptHash } from "../prompts/mod.ts";
import { extractLmEvalFlexible, extractLmEvalStrict, isLmEvalMatch } from "./lm_eval.ts";
import type { Prediction } from "./predictions.ts";

/** What is read of a line of `samples_*.jsonl`: a document, once for each of GSM8K's filters. */
export interface LmEvalSample {
  arguments: Record<string, { arg_0: string }>;
  /** MMLU: of each letter its log-likelihood and whether it is greedy, as texts. GSM8K: the text. */
  resps: [[string, string] | string][];
  filtered_resps: unknown[];
  target: string;
  filter: string;
  exact_match?: number;
}

export interface LmEvalAgreement {
  mmlu: {
    /** Documents that both asked, with the same prompt. */
    same_prompt: number;
    /** Documents of the samples that no prediction asked. */
    other: number;
    same_letter: number;
    /** Largest difference of a letter's log-likelihood. */
    largest_difference: number | null;
  };
  gsm8k: {
    same_prompt: number;
    other: number;
    /** Predictions whose text is the logged one. */
    same_text: number;
    /** Logged texts, one for each filter, and those of them that are read and judged as the harness does. */
    extractions: number;
    same_extraction: number;
  };
}

/** Compares samples with predictions; a prompt is told by its hash. */
export function lmEvalAgreement(
  samples: readonly LmEvalSample[],
  predictions: readonly Prediction[],
): LmEvalAgreement {
  const byPrompt = new Map(predictions.map((p) => [p.promptHash, p]));
  const mmlu = { same_prompt: 0, other: 0, same_letter: 0, largest_difference: null as number | null };
  const gsm8k = { same_prompt: 0, other: 0, same_text: 0, extractions: 0, same_extraction: 0 };
  for (const sample of samples) {
    const text = sample.arguments.gen_args_0.arg_0;
    const dataset = sample.filter === "none" ? "mmlu" : "gsm8k";
    const prediction = byPrompt.get(promptHash({ text }, LM_EVAL_VERSIONS[dataset]));
    if (dataset === "mmlu") {
      if (prediction === undefined) mmlu.other++;
      if (prediction?.scores == null) continue;
      mmlu.same_prompt++;
      const logprobs = sample.resps.map(([[logprob]]) => Number(logprob));
      const best = logprobs.indexOf(Math.max(...logprobs));
      if (LETTERS[best] === prediction.predicted) mmlu.same_letter++;
      const difference = Math.max(...logprobs.map((l, i) => Math.abs(l - prediction.scores![i])));
      mmlu.largest_difference = Math.max(mmlu.largest_difference ?? 0, difference);
      continue;
    }
    const answer = sample.resps[0][0] as string;
    const isStrict = sample.filter === "strict-match";
    const read = isStrict ? extractLmEvalStrict(answer) : extractLmEvalFlexible(answer);
    gsm8k.extractions++;
    gsm8k.same_extraction += Number(
      (read ?? "[invalid]") === sample.filtered_resps[0] &&
        isLmEvalMatch(read, sample.target) === (sample.exact_match === 1),
    );
    if (!isStrict) continue; // each document once
    if (prediction === undefined) gsm8k.other++;
    else {
      gsm8k.same_prompt++;
      gsm8k.same_text += Number(prediction.text === answer);
    }
  }
  return { mmlu, gsm8k };
}
