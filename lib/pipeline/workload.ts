/** What a load run sends: questions, or prompts of exact lengths. */
import {
  clipLengths,
  type Clipped,
  type Infer,
  type LoadPrompt,
  questionPrompts,
  sizedPrompts,
  type TokenLengths,
} from "../load/mod.ts";
import { loadShareGpt } from "../prompts/mod.ts";
import { BadInput } from "../std/errors.ts";
import { sha256, sha256File } from "../std/files.ts";
import type { Example, InferenceTarget } from "../types/mod.ts";
import type { LoadTarget } from "./load_target.ts";
import { dataHash, type DataOptions, loadData } from "./questions.ts";

export const PROMPT_KINDS = ["questions", "fitted", "synthetic"] as const;

export interface WorkloadSettings {
  /** Questions as they are; their text fitted to token lengths; or random words of exact lengths. */
  prompts: typeof PROMPT_KINDS[number];
  /** Of sized prompts that come from no trace. */
  inputTokens?: number;
  outputTokens?: number;
  /** Most output tokens of an answer to a question. */
  loadMaxTokens: number;
  /** Conversations instead of MMLU and GSM8K. */
  sharegpt?: string;
  dataSubset: number | null;
  seed: number;
}

export interface Workload {
  data: LoadPrompt[];
  /** Sized prompts belong to their places in a trace. */
  inOrder: boolean;
  isSample: boolean;
  clipped: Clipped;
  fingerprint: Record<string, unknown>;
  document: Record<string, unknown>;
  lines: string[];
}

/** Different prompts where their lengths are all the same. */
const MOST_SIZED = 1000;

/**
 * Makes what is sent.
 * @param lengths those of a trace, or null
 * @throws {BadInput} where data or conversations cannot be used, or the target's tokenizer is needed and not known.
 */
export async function makeWorkload(
  settings: WorkloadSettings,
  lengths: readonly TokenLengths[] | null,
  { tokenizer, context }: Pick<LoadTarget, "tokenizer" | "context">,
  options: DataOptions,
): Promise<Workload> {
  const { prompts, seed } = settings;
  if (prompts === "questions") {
    if (lengths !== null || settings.inputTokens !== undefined || settings.outputTokens !== undefined) {
      throw new BadInput(
        "Cannot send questions as a trace, --input-tokens and --output-tokens set lengths: use --prompts fitted",
      );
    }
    const text = await readText(settings, options);
    return {
      ...text,
      data: questionPrompts(text.examples, () => settings.loadMaxTokens),
      inOrder: false,
      clipped: { prompts: 0, answers: 0 },
      lines: [
        `Prompts: ${text.examples.length} questions, answers of at most ${settings.loadMaxTokens} tokens`,
      ],
    };
  }
  if (tokenizer === null) {
    throw new BadInput(
      `Cannot make ${prompts} prompts as the model's tokenizer must be known: name its folder with --tokenizer`,
    );
  }
  const wanted = lengths ?? Array(MOST_SIZED).fill({
    inputTokens: settings.inputTokens ?? 256,
    outputTokens: settings.outputTokens ?? 64,
  });
  const text = prompts === "fitted" ? await readText(settings, options) : null;
  const cut = context === null
    ? { lengths: wanted, clipped: { prompts: 0, answers: 0 } }
    : clipLengths(wanted, context);
  const { clipped } = cut;
  return {
    data: sizedPrompts(cut.lengths, { tokenizer, examples: text?.examples, seed }),
    inOrder: true,
    isSample: false,
    clipped,
    fingerprint: {
      ...text?.fingerprint,
      lengths_sha256: sha256(JSON.stringify(cut.lengths.map((l) => [l.inputTokens, l.outputTokens]))),
    },
    document: { ...text?.document, clipped },
    lines: [
      `Prompts: ${prompts}, mean ${mean(cut.lengths, "inputTokens")} tokens in, ${
        mean(cut.lengths, "outputTokens")
      } out`,
      ...(context === null ? [] : [
        `Clipped to the context of ${context} tokens: ${clipped.prompts} of ${wanted.length} prompts (${
          (100 * clipped.prompts / wanted.length).toFixed(1)
        }%), ${clipped.answers} answers`,
      ]),
    ],
  };
}

/** How a load pattern asks a target. */
export function inferOn(target: InferenceTarget): Infer<LoadPrompt> {
  return ({ prompt, options }, context) => target.generate(prompt, { ...options, ...context });
}

function mean(lengths: readonly TokenLengths[], key: keyof TokenLengths): string {
  return (lengths.reduce((sum, l) => sum + l[key], 0) / lengths.length).toFixed(1);
}

async function readText({ sharegpt, dataSubset }: WorkloadSettings, options: DataOptions) {
  const take = (examples: Example[]) => examples.slice(0, dataSubset ?? undefined);
  if (sharegpt !== undefined) {
    const words = (text: string) => text.split(/\s+/).length;
    const { examples } = await loadShareGpt(sharegpt, { countTokens: words, limit: dataSubset ?? undefined });
    const hash = await sha256File(sharegpt);
    return {
      examples,
      isSample: false,
      fingerprint: { data_sha256: hash },
      document: { data: { sharegpt, sha256: hash } },
    };
  }
  const data = await loadData(options);
  return {
    examples: take(data.val),
    isSample: data.isSample,
    fingerprint: { data_sha256: dataHash(data) },
    document: { data: { dir: data.dir, sources: data.manifest.sources, counts: data.manifest.counts } },
  };
}
