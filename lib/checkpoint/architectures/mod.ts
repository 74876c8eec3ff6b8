/** The architectures that slolab knows: a new one is a file here and a word in the list below. */
import { BadInput } from "../../std/errors.ts";
import type { Architecture, ModelSpec } from "../model_spec.ts";
import { gemma3 } from "./gemma3.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

export const ARCHITECTURES: readonly Architecture[] = [llama, mistral, qwen2, qwen3, gemma3, phi3, gpt2];

/** The architecture of a config, or undefined. */
export function findArchitecture(config: Record<string, unknown>): Architecture | undefined {
  return ARCHITECTURES.find((a) => a.modelTypes.includes(String(config.model_type)));
}

/** The error for an architecture that is not there. */
export function unknownArchitecture(name: unknown): BadInput {
  const known = ARCHITECTURES.map((a) => a.modelTypes[0]).join(", ");
  return new BadInput(`Cannot use this model as its architecture must be one of ${known}: it is ${name}`);
}

/**
 * Turns a config in the hub's spelling into the table that the builder reads.
 * @throws {BadInput} where the architecture is unknown or the config asks for something it lacks.
 */
export function describeModel(config: Record<string, unknown>): ModelSpec {
  const architecture = findArchitecture(config);
  if (!architecture) throw unknownArchitecture(config.model_type);
  return architecture.describe(config);
}
