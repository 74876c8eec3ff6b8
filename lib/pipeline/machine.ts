/** The model, the machine and the software that a run took place on, for `run.json`. */
import { cpus, totalmem } from "node:os";
import type { Overlong } from "../engine/engine.ts";
import type { Device } from "../engine/ort.ts";
import type { SingleVariantServer } from "../engine/single_variant_server.ts";
import config from "../../deno.json" with { type: "json" };

export interface Machine {
  os: string;
  arch: string;
  cpu: string;
  cores: number;
  memory_gb: number;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    cpu: cpus()[0]?.model.trim() || "unknown",
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
  };
}

/** Versions of Deno and of the npm packages that a run computes with, as deno.json pins them. */
export function describeVersions(): Record<string, string> {
  const pinned = Object.values(config.imports as Record<string, string>).flatMap((specifier) => {
    const match = /^npm:((?:@[^/]+\/)?[^@/]+)@([^/]+)$/.exec(specifier);
    return match ? [[match[1], match[2]]] : [];
  });
  return { deno: Deno.version.deno, v8: Deno.version.v8, ...Object.fromEntries(pinned) };
}

/** Describes a variant as it is served, and what it is served on. */
export function describeModel(
  { manifest, engine, memory, tuning }: Awaited<ReturnType<SingleVariantServer["start"]>>,
  { device, overlong }: { device: Device; overlong?: Overlong },
  prefixCache: unknown,
) {
  const { slots, context } = engine.stats;
  const batchDependence = manifest.export?.batchDependence ?? null;
  return {
    model: {
      name: manifest.model,
      architecture: manifest.architecture,
      parameters: manifest.parameters,
      source: manifest.source,
    },
    variant: manifest.variant,
    form: manifest.form,
    tuning,
    bytes: manifest.bytes,
    bits_per_weight: manifest.bitsPerWeight,
    device,
    engine: {
      slots,
      context,
      overlong,
      weight_bytes: memory.weightBytes,
      kv_bytes: slots * memory.slotBytes,
      kv_budget: memory.kvBudget,
      prefix_cache: prefixCache,
      ...(batchDependence !== null && { runs_at_batch_1: batchDependence }),
      ...(manifest.batchDependence && { batch_dependence: manifest.batchDependence }),
    },
    chat_template: engine.tokenizer?.hasChatTemplate ?? false,
    machine: describeMachine(),
    versions: describeVersions(),
  };
}
