/** For tests: a tiny model, the sample's questions and a cache of their own; the model behind a server. */
import { join } from "node:path";
import { writeTinyChatModel } from "../../checkpoint/testing/tiny_chat_model.ts";
import type { VariantName } from "../../compress/variant.ts";
import { DataPreprocessor } from "../../data/mod.ts";
import { SampleSource } from "../../data/raw_source.ts";
import type { EndpointConfig } from "../../endpoint/mod.ts";
import { SingleVariantServer } from "../../engine/single_variant_server.ts";
import { createApp } from "../../serve/app.ts";
import { setQuiet } from "../../std/progress.ts";
import { inTemp, ROOT } from "../../std/test_support.ts";
import type { CapacitySettings } from "../capacity_run.ts";

/** Limits that a tiny model meets on any machine. */
export const LOOSE_SLO = { ttftMs: 60_000, tpotMs: null, e2eMs: null };

/** A search of two probes. */
export const SHORT_SEARCH: Omit<CapacitySettings, "target"> = {
  workload: { prompts: "questions", loadMaxTokens: 2, dataSubset: 8, seed: 1 },
  search: { startRate: 40, minRate: 0.01, maxRate: 80, precision: 0.5, maxProbes: 2 },
  arrivals: "constant",
  shape: 1,
  attainment: 0.5,
  maxProbeRequests: 12,
  maxProbeSeconds: 60,
  minProbeSeconds: 0,
  warmup: 1,
  slo: LOOSE_SLO,
  seed: 1,
};

export interface Lab {
  /** Goes away; the cache is in it too. */
  dir: string;
  /** The model's folder. */
  model: string;
  /** The processed questions. */
  dataDir: string;
}

/** Runs a test in a lab, without progress. */
export function inLab(run: (lab: Lab) => Promise<void>): Promise<void> {
  return inTemp(async (dir) => {
    const cache = Deno.env.get("XDG_CACHE_HOME");
    Deno.env.set("XDG_CACHE_HOME", join(dir, "cache"));
    setQuiet(true);
    try {
      const model = join(dir, "model"), dataDir = join(dir, "data");
      await writeTinyChatModel(model);
      await writeSampleData(dataDir);
      await run({ dir, model, dataDir });
    } finally {
      setQuiet(false);
      if (cache === undefined) Deno.env.delete("XDG_CACHE_HOME");
      else Deno.env.set("XDG_CACHE_HOME", cache);
    }
  });
}

/** Processes the sample's questions. */
export async function writeSampleData(outputDir: string): Promise<void> {
  const source = new SampleSource(join(ROOT, "data", "sample"));
  await new DataPreprocessor({ source, outputDir, onLine: () => {} }).runPipeline();
}

/** The sample's files under the names that a folder of raw data has. */
export async function writeRawSample(dir: string): Promise<void> {
  const names = { mmlu: ["test", "dev"], gsm8k: ["test", "train"] };
  for (const [name, [asked, shown]] of Object.entries(names)) {
    await Deno.mkdir(join(dir, name), { recursive: true });
    const from = join(ROOT, "data", "sample");
    await Deno.copyFile(join(from, `${name}.jsonl`), join(dir, name, `${asked}.jsonl`));
    await Deno.copyFile(join(from, `${name}_${shown}.jsonl`), join(dir, name, `${shown}.jsonl`));
  }
}

/** Runs a test beside a server of a model's variants, each under the name `tiny/VARIANT`. */
export async function withServed(
  model: string,
  variants: VariantName[],
  run: (endpoints: Map<VariantName, EndpointConfig>) => Promise<void>,
): Promise<void> {
  const servers = await Promise.all(
    variants.map((variant) =>
      SingleVariantServer.create({ model, variant, device: "cpu", slots: 4, prefixCache: false })
    ),
  );
  const models = await Promise.all(servers.map(async (server, i) => ({
    id: `tiny/${variants[i]}`,
    engine: (await server.start()).engine,
  })));
  const { fetch: handle } = createApp({ models, maxQueue: 64 });
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => handle(request));
  const baseUrl = `http://127.0.0.1:${http.addr.port}/v1`;
  try {
    await run(new Map(variants.map((variant) => [variant, { baseUrl, model: `tiny/${variant}` }])));
  } finally {
    await http.shutdown();
    for (const server of servers) await server.close();
  }
}
