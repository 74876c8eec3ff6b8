/** What the notebooks run with: small enough for minutes with `--quick`, else sized for a study. */
import { DEFAULT_MODEL } from "../checkpoint/catalogue.ts";
import type { VariantName } from "../compress/variant.ts";
import { DEFAULT_SLO } from "../metrics/mod.ts";
import type { Slo } from "../types/mod.ts";

/** Set by `deno task notebooks --quick` in the kernel's environment. */
export const QUICK_VARIABLE = "SLOLAB_QUICK";

export interface LabSettings {
  /** Whether the project's sample is asked, by few and short requests. */
  quick: boolean;
  /** Catalogue name, hub id or path. */
  model: string;
  /** The variant that is served. */
  variant: VariantName;
  slots: number;
  context: number;
  /** Levels of the closed loop, and each level's requests and longest answer. */
  concurrencies: number[];
  numRequests: number;
  maxTokens: number;
  slo: Slo;
  /** Questions of the test split, and GSM8K's longest answer. */
  mmluLimit: number;
  gsm8kLimit: number;
  gsm8kMaxTokens: number;
  /** Questions of each data set whose logits are compared, and the tokens of text that perplexity is taken over. */
  qualityQuestions: number;
  qualityTextTokens: number;
  seed: number;
  /** When the notebook began, `performance.now()`. */
  startedAt: number;
}

/**
 * Gives a notebook its settings; `changes` are what a researcher writes into the cell.
 * @param quick default: what `deno task notebooks --quick` says
 */
export function labSettings(
  changes: Partial<LabSettings> = {},
  quick = Deno.env.get(QUICK_VARIABLE) === "1",
): LabSettings {
  return {
    quick,
    model: DEFAULT_MODEL,
    variant: "med",
    context: 2048,
    slo: DEFAULT_SLO,
    seed: 0,
    startedAt: performance.now(),
    ...quick
      ? {
        slots: 4,
        concurrencies: [1, 4, 8],
        numRequests: 8,
        maxTokens: 16,
        mmluLimit: 16,
        gsm8kLimit: 4,
        gsm8kMaxTokens: 96,
        qualityQuestions: 2,
        qualityTextTokens: 256,
      }
      : {
        slots: 8,
        concurrencies: [1, 2, 4, 8, 16],
        numRequests: 100,
        maxTokens: 128,
        mmluLimit: 200,
        gsm8kLimit: 60,
        gsm8kMaxTokens: 320,
        qualityQuestions: 32,
        qualityTextTokens: Infinity,
      },
    ...changes,
  };
}
