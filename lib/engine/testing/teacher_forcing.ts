/** How near a variant is to what PyTorch computes: for tests, over a file of golden answers. */
import { chunkBounds } from "../batcher.ts";
import type { StepRunner } from "../runner.ts";
import { argmax, logSumExp } from "../sampling.ts";

/** A line of `golden/*.jsonl`. */
export interface GoldenAnswer {
  prompt_ids: number[];
  greedy_ids: number[];
  /** For each greedy position the 8 best. */
  top_logprobs: [id: number, logprob: number][][];
}

export interface Agreement {
  positions: number;
  /** Share of positions with the golden argmax. */
  sameArgmax: number;
  /** Largest |log p - log q| over the golden top 8. */
  largestError: number;
  /** Mean KL(golden || variant) in nats over the golden top 8 and all other tokens as a ninth outcome. */
  meanKl: number;
}

/** Runs prompts in chunks, then the golden tokens one by one in all slots at once. */
export async function teacherForce(runner: StepRunner, answers: readonly GoldenAnswer[]): Promise<Agreement> {
  let positions = 0, same = 0, largestError = 0, kl = 0;
  const compare = (logits: Float32Array, answer: GoldenAnswer, at: number) => {
    const total = logSumExp(logits);
    positions++;
    if (argmax(logits) === answer.greedy_ids[at]) same++;
    let restP = 1, restQ = 1;
    for (const [id, logP] of answer.top_logprobs[at]) {
      const logQ = logits[id] - total;
      largestError = Math.max(largestError, Math.abs(logP - logQ));
      kl += Math.exp(logP) * (logP - logQ);
      restP -= Math.exp(logP);
      restQ -= Math.exp(logQ);
    }
    if (restP > 0 && restQ > 0) kl += restP * Math.log(restP / restQ);
  };

  for (let first = 0; first < answers.length; first += runner.slots) {
    const group = answers.slice(first, first + runner.slots);
    for (const [slot, answer] of group.entries()) {
      const { prompt_ids: ids } = answer;
      for (const [start, end] of chunkBounds(0, ids.length, runner.chunk)) {
        const logits = await runner.prefill(slot, ids.slice(start, end), start, "last");
        if (end === ids.length) compare(logits, answer, 0);
      }
    }
    const held = (slot: number) => group[slot].prompt_ids.length + group[slot].greedy_ids.length - 1;
    for (let at = 1;; at++) {
      const rows = group.flatMap(({ prompt_ids, greedy_ids }, slot) =>
        at < greedy_ids.length
          ? [{ slot, tokenId: greedy_ids[at - 1], position: prompt_ids.length + at - 1 }]
          : []
      );
      if (rows.length === 0) break;
      const logits = await runner.decode(rows, held);
      const size = runner.vocabSize;
      rows.forEach(({ slot }, r) => compare(logits.subarray(r * size, (r + 1) * size), group[slot], at));
    }
  }
  return { positions, sameArgmax: same / positions, largestError, meanKl: kl / positions };
}
