/** How far a variant's next-token distributions lie from those of a reference, over the positions of texts. */
import { chunkBounds } from "./batcher.ts";
import type { StepRunner } from "./runner.ts";
import { argmax } from "./sampling.ts";

export interface Divergence {
  texts: number;
  positions: number;
  /** Mean KL(reference || variant) in nats, over all positions and over the last one of each text. */
  meanKl: number;
  meanKlAtEnd: number;
  /** Share of positions where both have the same likeliest token. */
  sameTop: number;
  /** exp of the mean negative log-likelihood of each token after the ones before it; null without such tokens. */
  perplexity: { reference: number | null; variant: number | null };
}

/**
 * Runs texts through a reference and variants of it, and compares each position's distribution.
 * @param texts token ids; each fits every context and has a token
 * @param onText called after each text, with how many are done
 * @returns for each variant
 */
export async function compareRunners(
  reference: StepRunner,
  variants: readonly StepRunner[],
  texts: readonly (readonly number[])[],
  onText: (done: number) => void = () => {},
): Promise<Divergence[]> {
  const size = reference.vocabSize, chunk = Math.min(...[reference, ...variants].map((r) => r.chunk));
  const sums = variants.map(() => ({ kl: 0, klAtEnd: 0, same: 0, surpriseP: 0, surpriseQ: 0 }));
  for (const [t, ids] of texts.entries()) {
    for (const [start, end] of chunkBounds(0, ids.length, chunk)) {
      const part = ids.slice(start, end);
      const p = await reference.prefill(0, part, start, [0, part.length]);
      for (const [v, variant] of variants.entries()) {
        const q = await variant.prefill(0, part, start, [0, part.length]);
        const sum = sums[v];
        for (let i = 0; i < part.length; i++) {
          const row = compareRows(p.subarray(i * size, (i + 1) * size), q.subarray(i * size, (i + 1) * size));
          sum.kl += row.kl;
          if (row.sameTop) sum.same++;
          const next = ids[start + i + 1];
          if (next === undefined) sum.klAtEnd += row.kl;
          else {
            sum.surpriseP += row.logTotalP - p[i * size + next];
            sum.surpriseQ += row.logTotalQ - q[i * size + next];
          }
        }
      }
    }
    onText(t + 1);
  }
  const positions = texts.reduce((sum, ids) => sum + ids.length, 0), targets = positions - texts.length;
  const perplexity = (surprise: number) => targets ? Math.exp(surprise / targets) : null;
  return sums.map(({ kl, klAtEnd, same, surpriseP, surpriseQ }) => ({
    texts: texts.length,
    positions,
    meanKl: kl / positions,
    meanKlAtEnd: klAtEnd / texts.length,
    sameTop: same / positions,
    perplexity: { reference: perplexity(surpriseP), variant: perplexity(surpriseQ) },
  }));
}

/** KL(p || q) of the distributions of two rows of logits, and their normalisers. */
export function compareRows(
  p: Float32Array,
  q: Float32Array,
): { kl: number; sameTop: boolean; logTotalP: number; logTotalQ: number } {
  const topP = argmax(p), topQ = argmax(q);
  const maxP = p[topP], maxQ = q[topQ];
  let sumP = 0, sumQ = 0, sumPDiff = 0;
  for (let i = 0; i < p.length; i++) {
    const weight = Math.exp(p[i] - maxP);
    sumP += weight;
    sumQ += Math.exp(q[i] - maxQ);
    sumPDiff += weight * (p[i] - q[i]);
  }
  const logTotalP = maxP + Math.log(sumP), logTotalQ = maxQ + Math.log(sumQ);
  return { kl: sumPDiff / sumP - logTotalP + logTotalQ, sameTop: topP === topQ, logTotalP, logTotalQ };
}
