/**
 * What a decoder looks like, as data: each architecture's file turns a config into this table, and one
 * builder (lib/compress) turns the table into a graph. Sizes are in elements.
 */

/** A linear map y = x W^T + b, W float32 [rows (out), cols (in)]. */
export interface MatrixSpec {
  /** The hub's tensor name. */
  tensor: string;
  rows: number;
  cols: number;
  /** Takes rows [rowStart, rowStart + rows) of a fused tensor (phi3, gpt2). */
  rowStart?: number;
  /** The tensor is stored [in, out] (gpt2's Conv1D). */
  transposed?: boolean;
  /** Bias tensor; `biasStart` is an offset into a fused one. */
  bias?: string;
  biasStart?: number;
}

export interface NormSpec {
  kind: "rms" | "layer";
  tensor: string;
  /** LayerNorm's bias tensor. */
  bias?: string;
  eps: number;
  /** Added to the stored weight: 1 for gemma's (1 + w), else 0. */
  offset: number;
}

/** Rotary positions; `inverseFrequencies` in `rope.ts` turns this into numbers. */
export interface RopeSpec {
  theta: number;
  /** Dimensions that rotate (head size, or part of it). */
  dims: number;
  /** Inverse frequencies are divided by this... */
  linearFactor?: number;
  /** ...or rescaled by llama-3's rule. */
  llama3?: { factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number };
  /** Frequencies are rounded, as in a PyTorch model that was cast to 16 bits as a whole. */
  roundedTo?: "float16" | "bfloat16";
}

export interface LayerSpec {
  inputNorm: NormSpec;
  query: MatrixSpec;
  key: MatrixSpec;
  value: MatrixSpec;
  output: MatrixSpec;
  /** RMSNorm over each head, before RoPE (qwen3, gemma3). */
  queryNorm?: NormSpec;
  keyNorm?: NormSpec;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Scale of q.k, usually headDim ** -0.5. */
  attentionScale: number;
  /** Tokens seen by a sliding-window layer, itself included; undefined sees all. */
  window?: number;
  /** Null without rotary positions (gpt2). */
  rope: RopeSpec | null;
  /** Norm over the attention block's output, before the residual sum (gemma3). */
  postAttentionNorm?: NormSpec;
  mlpNorm: NormSpec;
  /** Gated: down(act(gate x) * up x). Plain (no gate): down(act(up x)). */
  gate?: MatrixSpec;
  up: MatrixSpec;
  down: MatrixSpec;
  activation: "silu" | "gelu_tanh";
  postMlpNorm?: NormSpec;
}

export interface ModelSpec {
  /** `model_type` of the config. */
  architecture: string;
  vocabSize: number;
  hiddenSize: number;
  /** Longest context that the positions allow. */
  contextLength: number;
  embedding: { tensor: string; scale: number };
  /** Learned positions [contextLength, hidden] (gpt2). */
  positionEmbedding?: { tensor: string };
  layers: LayerSpec[];
  finalNorm: NormSpec;
  /** `tensor` equals the embedding's where the head is tied. */
  head: MatrixSpec;
  /** True where the head is the embedding's matrix. */
  tied: boolean;
}

/** How GGUF files of an architecture say what the hub's files say. */
export interface GgufDialect {
  /** Value of `general.architecture`. */
  name: string;
  /** The hub's names by GGUF's, a layer's number written `#`, without `.weight` and `.bias`. */
  tensors: Readonly<Record<string, string>>;
  /** q and k rows lie in the order of GGML's interleaved rotation and are put back into the hub's. */
  permutesQueryAndKey?: boolean;
  /** What the converter added to the weights of norms, and reading takes off again. */
  normShift?: number;
  /**
   * Keys of `config.json` beyond those that all architectures share.
   * @param metadata with `general.architecture` cut off the keys (`attention.sliding_window`)
   * @throws {BadInput} where the file asks for something that the architecture's description lacks.
   */
  config?(metadata: Record<string, unknown>, config: Record<string, unknown>): Record<string, unknown>;
}

/** One architecture: a file in `architectures/`. */
export interface Architecture {
  /** Values of `model_type` that it reads; the first is what GGUF files get. */
  modelTypes: readonly string[];
  /** Absent where GGUF files of it are not read. */
  gguf?: GgufDialect;
  /** The usual name of a tensor that some files on the hub name otherwise. */
  canonicalName?(name: string): string;
  /** @throws {BadInput} where the config asks for something that the architecture's description lacks. */
  describe(config: Record<string, unknown>): ModelSpec;
}
