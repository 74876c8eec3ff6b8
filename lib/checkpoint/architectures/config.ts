/** Reads `config.json` in the hub's older and newer spelling, with errors that name the key. */
import { BadInput } from "../../std/errors.ts";
import type { RopeSpec } from "../model_spec.ts";

export type Config = Record<string, unknown>;

function unfit(config: Config, key: string, rule: string, value: unknown = config[key]): BadInput {
  const state = value == null ? "it is not given" : `it is ${JSON.stringify(value)}`;
  return new BadInput(`Cannot use this ${config.model_type} config as ${key} must be ${rule}: ${state}`);
}

/**
 * A number of the config.
 * @param fallback where the key is absent or null
 */
export function numberOf(config: Config, key: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (typeof value !== "number" || !Number.isFinite(value)) throw unfit(config, key, "a number", value);
  return value;
}

/** A whole number above 0. */
export function sizeOf(config: Config, key: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (!Number.isSafeInteger(value) || (value as number) <= 0) {
    throw unfit(config, key, "a whole number above 0");
  }
  return value as number;
}

export function flagOf(config: Config, key: string, fallback: boolean): boolean {
  const value = config[key] ?? fallback;
  if (typeof value !== "boolean") throw unfit(config, key, "true or false", value);
  return value;
}

/** The value that a table gives for a name in the config. */
export function choiceOf<T>(config: Config, key: string, table: Record<string, T>, fallback: string): T {
  const name = String(config[key] ?? fallback);
  if (!Object.hasOwn(table, name)) throw unfit(config, key, Object.keys(table).join(" or "));
  return table[name];
}

/** Refuses a feature that must be off: null, false or absent. */
export function mustBeOff(config: Config, ...keys: string[]): void {
  for (const key of keys) if (config[key]) throw unfit(config, key, "off");
}

/**
 * Rotary positions, from `rope_parameters` (flat or by layer type), else from `rope_theta` and `rope_scaling`.
 * Our own key `frequency_dtype` in either asks for rounded frequencies, which the hub's files never do.
 * @throws {BadInput} for a scaling other than linear and llama3's.
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/modeling_rope_utils.py
 */
export function ropeOf(config: Config, headDim: number, layerType?: string): RopeSpec {
  const newer = config.rope_parameters as Config | null | undefined;
  const all: Config = {
    rope_theta: config.rope_theta,
    partial_rotary_factor: config.partial_rotary_factor,
    ...config.rope_scaling as Config | null,
    ...(layerType && newer?.[layerType] ? newer[layerType] as Config : newer),
  };
  all.model_type = config.model_type;
  const rope: RopeSpec = {
    theta: numberOf(all, "rope_theta", 10000),
    dims: Math.floor(headDim * numberOf(all, "partial_rotary_factor", 1)),
  };
  const roundings = { none: undefined, float16: "float16", bfloat16: "bfloat16" } as const;
  const roundedTo = choiceOf(all, "frequency_dtype", roundings, "none");
  if (roundedTo) rope.roundedTo = roundedTo;
  all.rope_type ??= all.type;
  const kind = choiceOf(
    all,
    "rope_type",
    { default: "default", linear: "linear", llama3: "llama3" },
    "default",
  );
  if (kind === "linear") rope.linearFactor = numberOf(all, "factor");
  if (kind === "llama3") {
    rope.llama3 = {
      factor: numberOf(all, "factor"),
      lowFreqFactor: numberOf(all, "low_freq_factor"),
      highFreqFactor: numberOf(all, "high_freq_factor"),
      originalContext: sizeOf(
        all,
        "original_max_position_embeddings",
        sizeOf(config, "max_position_embeddings"),
      ),
    };
  }
  return rope;
}

/**
 * Which layers see a window alone, from `layer_types` where it is given.
 * @param otherwise says it for a layer where the config doesn't
 */
export function isSliding(config: Config, layer: number, otherwise: (layer: number) => boolean): boolean {
  const types = config.layer_types as string[] | null | undefined;
  if (!types) return otherwise(layer);
  const kinds = { sliding_attention: true, full_attention: false };
  return choiceOf({ model_type: config.model_type, layer_types: types[layer] }, "layer_types", kinds, "");
}
