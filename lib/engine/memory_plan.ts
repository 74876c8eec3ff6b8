/**
 * How many KV slots of how many tokens there is memory for, decided before a model is loaded.
 *
 * All layers keep all positions, those with a sliding window too. GroupQueryAttention's `sliding_window_cache` would
 * keep the window alone, but it moves the buffer's content as tokens are appended: the row that a decode writes into
 * an idle slot, a chunk that is run again and a prefix that is taken up would each lose tokens of the window.
 * @see https://github.com/microsoft/onnxruntime/pull/31142
 */
import { matricesOfKv8, type VariantManifest } from "../compress/variant.ts";
import { formatBytes } from "../std/bytes.ts";
import { BadInput } from "../std/errors.ts";

/** What the slots are planned from; what is left out is chosen. */
export interface MemoryRequest {
  /** KV slots (default 16, or as many as fit). */
  slots?: number;
  /** Tokens of a slot (default the smaller of the model's and 4,096, or as many as fit). */
  context?: number;
  /** Bytes for the KV cache (default: a share of what the weights leave free). */
  kvMemory?: number;
  /** That share (default 0.75). */
  kvShare?: number;
}

export interface MemoryPlan {
  slots: number;
  context: number;
  /** Most bytes that the weights take while they are loaded. */
  weightBytes: number;
  /** Bytes of a slot's keys and values over all layers. */
  slotBytes: number;
  /** Bytes that the slots may take; null where nothing limits them. */
  kvBudget: number | null;
}

const DEFAULT_SLOTS = 16, DEFAULT_CONTEXT = 4096;
/** Fewer tokens than this are given up on; more are a multiple of it. */
const CONTEXT_STEP = 128;

/**
 * Most bytes in memory for a byte of the file, measured while SmolLM2 was loaded: base's 16 bits become 32; what is
 * quantised is packed anew beside the old.
 */
const LOADED_BYTES = { base: 2.5, other: 1.75 };

/** Bytes of the keys and values of one token over all layers. */
export function tokenBytes({ layers, form, export: layout }: VariantManifest): number {
  const size = layout === undefined
    ? (matricesOfKv8(form) ? 1 : 4)
    : (layout.kvType === "float16" ? 2 : 4) * (layout.inPlace ? 1 : 2);
  return layers.reduce((sum, { kvHeads, headDim }) => sum + 2 * kvHeads * headDim * size, 0);
}

/**
 * Plans the slots of a model.
 * @param available bytes of memory that are free, or null where that is not known
 * @throws {BadInput} with the figures, where the model or what was asked for does not fit.
 */
export function planMemory(
  manifest: VariantManifest,
  { slots, context, kvMemory, kvShare = 0.75 }: MemoryRequest,
  available: number | null,
): MemoryPlan {
  const kv8 = matricesOfKv8(manifest.form) !== null;
  // With codes for KV, prompts have a session of their own, and a slot of floats.
  const weightBytes = manifest.bytes * LOADED_BYTES[manifest.variant === "base" ? "base" : "other"] *
    (kv8 ? 2 : 1);
  const perToken = tokenBytes(manifest), perTokenOnce = kv8 ? 4 * perToken : 0;
  const left = available === null ? Infinity : available - weightBytes;
  const figures = `the weights take ${formatBytes(weightBytes)}, a token ${formatBytes(perToken)} of KV` +
    (available === null ? "" : `, and ${formatBytes(available)} are free`);
  const refuse = (action: string, rule: string) => new BadInput(`Cannot ${action} as ${rule}: ${figures}`);
  if (left <= 0) throw refuse(`load ${manifest.model} ${manifest.variant}`, "it must fit the free memory");
  if (kvMemory !== undefined && kvMemory > left) {
    throw refuse(`give the KV cache ${formatBytes(kvMemory)}`, "it must fit beside the weights");
  }
  const budget = kvMemory ?? kvShare * left;
  const longest = Math.min(manifest.contextLength, DEFAULT_CONTEXT);
  const kvBytes = (slots: number, context: number) => context * (slots * perToken + perTokenOnce);
  const fits = (slots: number, context: number) => kvBytes(slots, context) <= budget;

  let planned = context ?? longest;
  if (context === undefined && !fits(slots ?? 1, planned)) {
    planned = Math.floor(budget / kvBytes(slots ?? 1, 1));
    planned -= planned % CONTEXT_STEP;
  }
  const count = slots ?? Math.min(
    DEFAULT_SLOTS,
    Math.floor((budget - planned * perTokenOnce) / (planned * perToken)),
  );
  if (planned === 0 || count === 0 || !fits(count, planned)) {
    const [s, c] = [slots ?? 1, context ?? Math.min(longest, CONTEXT_STEP)];
    throw refuse(
      `make ${s} slot${s === 1 ? "" : "s"} of ${c} tokens`,
      `they must fit the KV cache's ${formatBytes(budget)}`,
    );
  }
  return {
    slots: count,
    context: planned,
    weightBytes,
    slotBytes: planned * perToken,
    kvBudget: budget === Infinity ? null : budget,
  };
}

/** Bytes of memory that are free on this machine. */
export function availableMemory(): number {
  return Deno.systemMemoryInfo().available;
}
