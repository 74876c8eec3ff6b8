/** What a built variant is on disk: the contract between the builder and the engine. */

/** base: 16-bit weights, med: 8 bit, cheap: 4 bit; fp32 is the exact reference that tests build. */
export type VariantName = "base" | "med" | "cheap" | "fp32";
export const VARIANTS = ["base", "med", "cheap"] as const;

/**
 * How a matrix is multiplied; a variant fixes only its values. `float` is that of base and fp32, `fp16` that of every
 * variant on CUDA, the others those of med and cheap: see the files in `forms/`. With `-kv8` behind it, keys and
 * values are kept in 8 bits.
 */
export type FormName = "float" | "fp16" | QuantisedForm;
const MATRIX_FORMS = ["blocks", "rows8", "rotated8", "rows8x3"] as const;
export type MatrixFormName = typeof MATRIX_FORMS[number];
export type QuantisedForm = MatrixFormName | `${MatrixFormName}-kv8`;
export const QUANTISED_FORMS: readonly QuantisedForm[] = [
  ...MATRIX_FORMS,
  ...MATRIX_FORMS.map((form) => `${form}-kv8` as const),
];

/** What a `-kv8` form multiplies its matrices as; null for other forms. */
export function matricesOfKv8(form: FormName | "export"): MatrixFormName | null {
  return form.endsWith("-kv8") ? form.slice(0, -"-kv8".length) as MatrixFormName : null;
}

/** Of a `-kv8` graph, in `GRAPH.kv.json` beside it: for each layer the step of each channel [kvHeads * headDim]. */
export interface KvScales {
  key: number[][];
  value: number[][];
}

/**
 * `variant.json` in a variant's folder, beside `model.onnx`, `model.onnx.data` and the tokenizer's files
 * (`tokenizer.json`, `tokenizer_config.json`, absent for models without one).
 *
 * The graph's inputs: `input_ids` int64 [B, S]; `position_ids` int64 [B, S] (only if `usesPositionIds`);
 * `seqlens_k` int32 [B] (total length of each row - 1); `total_sequence_length` int32 [] (largest total);
 * `logit_rows` int64 [R] (which of the B*S flattened positions get logits);
 * `past_key_values.{l}.key|value` float32 [B, kvHeads, context, headDim], right-padded, the same buffer being
 * `present.{l}.key|value`: updated in place (float16 in the form `fp16`, int8 in `-kv8`). Output `logits` float32
 * [R, vocab].
 */
export interface VariantManifest {
  builderVersion: number;
  model: string;
  /** `export` for an ONNX file of the hub, which brings its own weights. */
  variant: VariantName | "export";
  /** Of `model.onnx`; of a variant that runs, the one that it runs in. */
  form: FormName | "export";
  architecture: string;
  vocabSize: number;
  hiddenSize: number;
  /** Longest context of the model. */
  contextLength: number;
  layers: { kvHeads: number; headDim: number; window: number | null }[];
  usesPositionIds: boolean;
  eosTokenIds: number[];
  /** Bytes of `model.onnx` and `model.onnx.data`. */
  bytes: number;
  /** Bits a weight over the matrices. */
  bitsPerWeight: number;
  parameters: number;
  source: {
    kind: "cache" | "hub" | "pypi" | "path";
    location: string;
    revision: string | null;
    sha256: string;
    format: string;
    bitsPerWeight: number;
  };
  /** Of a variant that runs: why a request's result depends on the others in its batch; absent where it does not. */
  batchDependence?: string;
  /** Only of an export: its graph is not beside this file and not of the kind described above. */
  export?: ExportLayout;
}

/** How the graph of an ONNX export is run. */
export interface ExportLayout {
  /** The `.onnx` file. */
  path: string;
  /** Those of `input_ids`, `attention_mask`, `position_ids` and `num_logits_to_keep` that it has. */
  inputs: string[];
  kvType: "float" | "float16";
  logitsType: "float" | "float16";
  /** Past and present are one buffer of fixed length; else present is past with the new positions behind. */
  inPlace: boolean;
  /** Fewest rows of a decoding run, where there are slots for them: fewer would be computed otherwise. */
  leastBatch: 1 | 2;
  /** Why a request's result would depend on the others in its batch; null where it does not. */
  batchDependence: string | null;
}
