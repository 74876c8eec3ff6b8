/** The machine and the software that a run took place on, for `run.json`. */
import { cpus, totalmem } from "node:os";
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
