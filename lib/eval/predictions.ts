/**
 * Predictions: one a question, a line of `predictions.jsonl` (there in snake_case), appended as it ends.
 *
 * `{"id":"mmlu/test/12","dataset":"mmlu",...,"gold":"B","predicted":"B","correct":true,"parsed":true,...}`
 */
import { AppendLog, type LogRecord, readLog } from "../std/append_log.ts";
import { exists, readJson, writeJson } from "../std/files.ts";
import { requireSameSettings, type Settings } from "../std/settings.ts";
import { type Difficulty, fromRecord, type MmluCategory, type RequestError, toRecord } from "../types/mod.ts";

export type MmluMethod = "generate" | "loglikelihood";

export interface Prediction {
  /** The example's. */
  id: string;
  dataset: "mmlu" | "gsm8k";
  subject: string;
  category: MmluCategory | null;
  difficulty: Difficulty;
  gold: string;
  /** What was read out of the answer; null where nothing could be. */
  predicted: string | null;
  correct: boolean;
  parsed: boolean;
  /** GSM8K: the number that `####` marks; null where there is none, and for MMLU. */
  strictPredicted: string | null;
  /** GSM8K: whether that number is right; null for MMLU. */
  strictCorrect: boolean | null;
  /** Whether the answer ended at the token limit. */
  truncated: boolean;
  /** Tokens of the prompt that were cut off on the left, as it was too long. */
  promptTokensCut: number;
  method: MmluMethod;
  /** What the model wrote; empty where letters were scored. */
  text: string;
  /** Natural log-likelihoods of A, B, C and D, where letters were scored. */
  scores: number[] | null;
  promptHash: string;
  /** Null where the target does not say: where letters were scored, or after an error. */
  inputTokens: number | null;
  outputTokens: number | null;
  error: RequestError | null;
}

const KIND = {
  noun: "a prediction",
  isRecord: (r: LogRecord) =>
    typeof r.id === "string" && typeof r.gold === "string" && typeof r.correct === "boolean" &&
    (r.dataset === "mmlu" || r.dataset === "gsm8k") && r.error !== undefined,
};

/** The log of an evaluation; the settings that it began with stand beside it in `<name>.state.json`. */
export class PredictionLog {
  #log: AppendLog;

  private constructor(log: AppendLog) {
    this.#log = log;
  }

  /**
   * Opens the log.
   * @param fingerprint the settings that must be equal for the log to be gone on with
   * @returns the log, and the last prediction that it holds for each question
   * @throws {BadInput} where a log is there and must not be, or other settings began it.
   */
  static async open(
    path: string,
    resume: boolean,
    fingerprint: Settings,
  ): Promise<{ log: PredictionLog; kept: Prediction[] }> {
    const statePath = path.replace(/(\.jsonl)?$/, ".state.json");
    const begun = resume && await exists(statePath);
    if (begun) {
      const { fingerprint: earlier } = await readJson<{ fingerprint: Settings }>(statePath);
      requireSameSettings(path, earlier, fingerprint);
    }
    const { log, records } = await AppendLog.open(path, begun, KIND);
    if (!begun) await writeJson(statePath, { fingerprint });
    return { log: new PredictionLog(log), kept: lastOfEach(records) };
  }

  /** @throws {Error} where the disk is full or fails; the log is then as it was before. */
  append(prediction: Prediction): void {
    this.#log.append(toRecord(prediction));
  }

  close(): void {
    this.#log.close();
  }
}

/**
 * Reads `predictions.jsonl`: the last prediction for each question; a torn last line is left out.
 * @throws {BadInput} where the file is absent or a line is not a prediction.
 */
export async function readPredictions(path: string): Promise<Prediction[]> {
  return lastOfEach(await readLog(path, KIND));
}

/** A question that failed is asked again when an evaluation is resumed: its later line counts. */
function lastOfEach(records: LogRecord[]): Prediction[] {
  const byId = new Map(records.map((r) => [r.id, fromRecord<Prediction>(r)]));
  return [...byId.values()];
}
