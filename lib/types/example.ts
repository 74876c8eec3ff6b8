/** Data sets, and the question that the whole pipeline is about. */

export type DatasetName = "mmlu" | "gsm8k" | "sharegpt";
export type Difficulty = "easy" | "medium" | "hard";
export type SplitName = "train" | "val" | "test";
/** hendrycks/test `categories.py`. */
export type MmluCategory = "STEM" | "humanities" | "social sciences" | "other";

/**
 * One question, as a line of `data/processed/*.jsonl` holds it (there in snake_case, in this order):
 * `{"dataset":"mmlu","prompt":"...\nA) ..","answer":"B","subject":"anatomy","difficulty":"hard","input_length":15,"output_length":1,"id":"mmlu/test/12",...}`
 */
export interface Example {
  dataset: DatasetName;
  /** MMLU: the question and its choices `A) ..` to `D) ..`, a line each. GSM8K: the question. */
  prompt: string;
  /** MMLU: a letter. GSM8K: the number after `####`, without commas. */
  answer: string;
  subject: string;
  difficulty: Difficulty;
  /** cl100k_base tokens of the prompt. */
  inputLength: number;
  /** cl100k_base tokens of the answer (GSM8K: of the worked solution). */
  outputLength: number;
  /** `<dataset>/<source split>/<index>`, stable. */
  id: string;
  category?: MmluCategory;
  /** MMLU: the four choices. */
  choices?: string[];
  /** GSM8K: the worked text, with its `#### N` line. */
  solution?: string;
  /** ShareGPT: the conversation up to the turn to be answered. */
  turns?: Message[];
}

/** One turn of a chat. */
export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}
