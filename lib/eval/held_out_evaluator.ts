/**
 * Exact match on held-out questions: choose, ask, judge, keep each prediction as it ends, sum up.
 */
import { BadInput } from "../std/errors.ts";
import { sha256 } from "../std/files.ts";
import { Progress, say } from "../std/progress.ts";
import { errorOf } from "../load/mod.ts";
import type { Example, InferenceTarget } from "../types/mod.ts";
import { chooseQuestions } from "./choose_questions.ts";
import { type Fit, fitContinuations, fitPrompt } from "./fit.ts";
import { LM_EVAL_MAX_TOKENS, type Shots } from "./lm_eval.ts";
import { type MmluMethod, type Prediction, PredictionLog } from "./predictions.ts";
import {
  buildQuestion,
  type FewShot,
  judgeError,
  judgeScores,
  judgeText,
  type Question,
} from "./questions.ts";
import { type EvaluationResults, type EvaluationSettings, summarizePredictions } from "./results.ts";

/** What another protocol than slolab's asks; all of it is plain text. */
export interface QuestionSet {
  protocol: "lm-eval";
  questions: readonly Question[];
  shots: Shots;
}

export interface EvaluatorOptions {
  /** Questions in flight (default 8). */
  concurrency?: number;
  /** How MMLU is answered (default: by log-likelihood where the target can score, else generated). */
  mmluMethod?: MmluMethod;
  /** Most output tokens of an answer (defaults 16 and 320). */
  mmluMaxTokens?: number;
  gsm8kMaxTokens?: number;
  /** Most questions asked, drawn evenly over the strata (default: all). */
  mmluLimit?: number;
  gsm8kLimit?: number;
  /** Solved examples to show first (default: none). */
  fewShot?: FewShot;
  /** Draws the questions (default 0). */
  seed?: number;
  /** Cuts the text of a question set on the left where it is too long; else the target takes it as text. */
  fit?: Fit;
  /** Whether the model takes messages where letters are scored; else it continues plain text (default true). */
  hasChatTemplate?: boolean;
  /** Where each prediction is appended as it ends. */
  predictionsPath?: string;
  /** Goes on with the questions that `predictionsPath` lacks, or holds only an error for. */
  resume?: boolean;
  /** Further settings that must be equal for an evaluation to be resumed: model and data hashes. */
  fingerprint?: Record<string, unknown>;
  /** Stops the evaluation: nothing more is asked, and what is in flight leaves no prediction. */
  signal?: AbortSignal;
  /** Called after each prediction (default: a bar on a terminal, ten lines elsewhere). */
  onProgress?: (done: number, total: number) => void;
}

export class HeldOutEvaluator {
  readonly #target: InferenceTarget;
  readonly #options: EvaluatorOptions;
  readonly #questions: Question[];
  readonly #settings: EvaluationSettings;
  #predictions: Prediction[] = [];

  /**
   * @param asked examples of MMLU and GSM8K (others have no exact answer and are left out), or a question set
   * @throws {BadInput} where there is no such example, an option is out of range, or letters are to be scored
   * and the target cannot.
   */
  constructor(
    server: InferenceTarget,
    asked: readonly Example[] | QuestionSet,
    options: EvaluatorOptions = {},
  ) {
    requireWholeNumbers(options);
    const { seed = 0, hasChatTemplate = true, fewShot, mmluLimit, gsm8kLimit } = options;
    const set = "protocol" in asked ? asked : null;
    const given = "protocol" in asked ? asked.questions.map((q) => q.example) : asked;
    const of = (dataset: "mmlu" | "gsm8k", limit = Infinity) =>
      chooseQuestions(given.filter((e) => e.dataset === dataset), limit, seed) as Question["example"][];
    const examples = [...of("mmlu", mmluLimit), ...of("gsm8k", gsm8kLimit)];
    if (examples.length === 0) {
      throw new BadInput(
        "Cannot evaluate as the test data must hold a question of mmlu or gsm8k: it has " +
          (given.length === 0 ? "no record" : `${given.length} records, and none is asked`),
      );
    }
    if (set && options.mmluMethod === "generate") {
      throw new BadInput(
        "Cannot evaluate as lm-eval scores the letters of mmlu: the method is to generate them",
      );
    }
    const mmluMethod = options.mmluMethod ?? (server.score || set ? "loglikelihood" : "generate");
    if (examples[0].dataset === "mmlu" && !server.score) {
      if (mmluMethod === "loglikelihood") {
        throw new BadInput(
          `Cannot score the letters of mmlu as the target must tell log-likelihoods: ${server.name} does not ` +
            `(use ${set ? "--mmlu-questions 0" : "--mmlu-method generate"})`,
        );
      }
      if (!options.mmluMethod) {
        say(`  MMLU is answered by generation: ${server.name} tells no log-likelihoods`);
      }
    }
    this.#target = server;
    this.#options = options;
    const built = set && new Map(set.questions.map((q) => [q.example.id, q]));
    this.#questions = examples.map((example) =>
      built?.get(example.id) ?? buildQuestion(example, example.dataset === "mmlu" ? mmluMethod : "generate", {
        hasChatTemplate,
        fewShot,
      })
    );
    const idsOf = (dataset: string) => [
      ...new Set(this.#questions.flatMap((q) => q.example.dataset === dataset ? q.shotIds : [])),
    ];
    const { mmluMaxTokens = 16, gsm8kMaxTokens = set ? LM_EVAL_MAX_TOKENS : 320, fit } = options;
    if (fit && examples.at(-1)!.dataset === "gsm8k" && gsm8kMaxTokens >= fit.context) {
      throw new BadInput(
        `Cannot evaluate as an answer must fit the context of ${fit.context} tokens behind a prompt: it may have ` +
          `${gsm8kMaxTokens}`,
      );
    }
    this.#settings = {
      protocol: set?.protocol ?? "slolab",
      chat_template_applied: !set && hasChatTemplate,
      method: { mmlu: mmluMethod, gsm8k: "generate" },
      max_tokens: { mmlu: mmluMaxTokens, gsm8k: gsm8kMaxTokens },
      template_versions: Object.fromEntries(
        this.#questions.map((q) => [q.example.dataset, q.templateVersion]),
      ),
      prompt_hash: sha256(this.#questions.map((q) => q.promptHash).join("\n")),
      few_shot_ids: { mmlu: idsOf("mmlu"), gsm8k: idsOf("gsm8k") },
      shots: set?.shots ?? { mmlu: fewShot?.shots ?? 0, gsm8k: fewShot?.shots ?? 0 },
      seed,
    };
  }

  /** The predictions so far, in the order of the questions. */
  get predictions(): readonly Prediction[] {
    return this.#predictions;
  }

  /**
   * Asks the questions.
   * @returns the document of `eval_results.json`
   * @throws {BadInput} where `predictionsPath` cannot be gone on with.
   * @throws the signal's reason where it stops the evaluation; predictions already kept stay on disk.
   */
  async evaluate(): Promise<EvaluationResults> {
    const { predictionsPath, resume = false, fingerprint, signal } = this.#options;
    signal?.throwIfAborted();
    const opened = predictionsPath === undefined ? null : await PredictionLog.open(predictionsPath, resume, {
      ...this.#settings,
      questions: sha256(this.#questions.map((q) => q.example.id).join("\n")),
      ...fingerprint,
    });
    const byId = new Map(opened?.kept.map((p) => [p.id, p]));
    try {
      await this.#ask(byId, opened?.log);
    } finally {
      opened?.log.close();
      this.#predictions = this.#questions.flatMap((q) => byId.get(q.example.id) ?? []);
    }
    return summarizePredictions(this.#predictions, this.#settings);
  }

  /** Asks what `byId` lacks or holds an error for, `concurrency` at a time. */
  async #ask(byId: Map<string, Prediction>, log?: PredictionLog): Promise<void> {
    const left = this.#questions.filter((q) => byId.get(q.example.id)?.error !== null);
    // Those that show the same solved examples follow one another: a target may read these once.
    const pending = [...Map.groupBy(left, (q) => q.shotIds.join("\n")).values()].flat();
    const total = this.#questions.length, before = total - pending.length;
    const { signal, concurrency = 8 } = this.#options;
    const progress = this.#options.onProgress
      ? null
      : new Progress({ label: "predictions", total: pending.length });
    const stop = new AbortController();
    const whole = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    let next = 0, done = 0;
    const worker = async () => {
      while (next < pending.length && !whole.aborted) {
        const question = pending[next++];
        const prediction = await this.#answer(question, whole);
        if (whole.aborted) return;
        log?.append(prediction);
        byId.set(prediction.id, prediction);
        done++;
        progress?.update(done);
        this.#options.onProgress?.(before + done, total);
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(concurrency, pending.length) }, worker));
      signal?.throwIfAborted();
    } finally {
      stop.abort();
      progress?.finish();
    }
    if (progress) say(`Generated ${total}/${total} predictions`);
  }

  /** Asks one question; what goes wrong becomes the prediction's error. */
  async #answer(question: Question, signal: AbortSignal): Promise<Prediction> {
    const { dataset, id } = question.example;
    const { fit } = this.#options;
    const text = fit && this.#settings.protocol !== "slolab"
      ? (question.prompt as { text: string }).text
      : null;
    try {
      if (question.method === "loglikelihood") {
        const fitted = text === null ? null : fitContinuations(fit!, text, question.continuations);
        const { continuations } = fitted ?? question;
        const prompt = fitted ? { ids: fitted.ids } : question.prompt;
        const scored = await this.#target.score!(prompt, continuations, signal);
        const scores = scored.map((s) => s.logprob);
        if (scores.length !== continuations.length || scores.some(Number.isNaN)) {
          throw new Error(
            `Cannot compare the letters as each must have a log-likelihood: they are ${scores.join(", ")}`,
          );
        }
        return { ...judgeScores(question, scores), promptTokensCut: fitted?.cut ?? 0 };
      }
      const maxTokens = this.#settings.max_tokens[dataset];
      const fitted = text === null ? null : fitPrompt(fit!, text, maxTokens);
      const generation = await this.#target.generate(fitted ? { ids: fitted.ids } : question.prompt, {
        maxTokens,
        temperature: 0,
        ...(question.stop.length && { stop: question.stop }),
        signal,
        requestId: id,
      });
      if (generation.finishReason === "abort") {
        const message = "the target ended the answer before it was whole";
        return judgeError(question, { kind: "abort", message });
      }
      return {
        ...judgeText(question, generation),
        promptTokensCut: fitted?.cut ?? generation.truncatedTokens,
      };
    } catch (thrown) {
      return judgeError(question, errorOf(thrown));
    }
  }
}

function requireWholeNumbers(options: EvaluatorOptions): void {
  const { concurrency, mmluMaxTokens, gsm8kMaxTokens, mmluLimit, gsm8kLimit, fewShot } = options;
  const least = {
    concurrency: 1,
    mmluMaxTokens: 1,
    gsm8kMaxTokens: 1,
    mmluLimit: 0,
    gsm8kLimit: 0,
    shots: 0,
  };
  const given = { concurrency, mmluMaxTokens, gsm8kMaxTokens, mmluLimit, gsm8kLimit, shots: fewShot?.shots };
  for (const [name, min] of Object.entries(least)) {
    const value = given[name as keyof typeof given];
    if (value !== undefined && !(Number.isInteger(value) && value >= min)) {
      throw new BadInput(
        `Cannot evaluate as ${name} must be a whole number of at least ${min}: it is ${value}`,
      );
    }
  }
}
