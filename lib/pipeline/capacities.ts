/**
 * The capacities of several variants, each behind an endpoint of its own: one search after the other, under settings
 * that differ in the endpoint alone.
 *
 * `<output>/<variant>` is the folder of a search; `summary.json`, `curve.csv` and `report.html` hold what
 * all of them found.
 */
import { join } from "node:path";
import type { VariantName } from "../compress/variant.ts";
import { type CapacityDocument, figure, heading } from "../metrics/mod.ts";
import { type CapacitiesDocument, type CapacityOfVariant, writeCapacitiesReport } from "../report/mod.ts";
import { exists, readJson, writeAtomic, writeJson } from "../std/files.ts";
import { toRecord } from "../types/mod.ts";
import { type CapacitySettings, curveCsv, runCapacity } from "./capacity_run.ts";
import type { RunOptions } from "./load_run.ts";
import { type EndpointSettings, openTarget } from "./load_target.ts";
import { checkRunFolder, openRunFolder, type RunDocument, saveRun } from "./run_folder.ts";

/**
 * Searches each variant's capacity, or what is left of it.
 * @throws {BadInput} as `runCapacity` does, for every endpoint before the first is driven.
 */
export async function runCapacities(
  endpoints: ReadonlyMap<VariantName, EndpointSettings>,
  settings: Omit<CapacitySettings, "target">,
  options: RunOptions,
): Promise<CapacitiesDocument> {
  const { outputDir, print, resume } = options;
  await checkRunFolder(outputDir, resume);
  const complete = new Set<VariantName>();
  for (const [variant, target] of endpoints) {
    if (resume && (await readRun(join(outputDir, variant)))?.status === "complete") complete.add(variant);
    else await (await openTarget(target, options.apiKey))[Symbol.asyncDispose]();
  }
  const fingerprint = { ...toRecord(settings), endpoints: toRecord(Object.fromEntries(endpoints)) };
  const earlier = await openRunFolder(outputDir, resume, fingerprint);
  const run: RunDocument = {
    status: "running",
    command: options.command,
    started_at: [...earlier?.started_at ?? [], new Date().toISOString()],
    fingerprint,
  };
  await saveRun(outputDir, run);

  for (const [variant, target] of endpoints) {
    const dir = join(outputDir, variant);
    if (complete.has(variant)) {
      print(`${variant}: complete in ${dir}`);
      continue;
    }
    const own = { ...options, outputDir: dir, resume: await readRun(dir) !== null };
    await runCapacity({ ...settings, target: { ...target, variant } }, own);
  }
  const found = await Promise.all([...endpoints.keys()].map(async (variant) => ({
    variant,
    run: (await readRun(join(outputDir, variant)))!,
    capacity: await readJson<CapacityDocument>(join(outputDir, variant, "capacity.json")),
  })));
  const summary: CapacitiesDocument = {
    attainment: settings.attainment,
    slo: found[0].capacity.slo,
    data_source: String(found[0].run.data_source),
    variants: found.map(({ variant, run, capacity }) => {
      const { base_url, model } = run.endpoint as CapacityOfVariant["endpoint"];
      const { capacity_requests_per_sec, interval, undecided_rates, curve } = capacity;
      return {
        variant,
        endpoint: { base_url, model },
        capacity_requests_per_sec,
        interval,
        undecided_rates,
        probes: curve.length,
      };
    }),
  };
  const curve = found.flatMap(({ variant, capacity }) => capacity.curve.map((row) => ({ variant, ...row })));
  await writeJson(join(outputDir, "summary.json"), summary);
  await writeAtomic(join(outputDir, "curve.csv"), curveCsv(curve));
  await saveRun(outputDir, { ...run, status: "complete" });
  print(`${heading("CAPACITY OF EACH VARIANT")}\n${capacitiesTable(summary)}`);
  print(`Report: ${await writeCapacitiesReport(outputDir)}`);
  return summary;
}

async function readRun(dir: string): Promise<RunDocument | null> {
  const path = join(dir, "run.json");
  return await exists(path) ? await readJson<RunDocument>(path) : null;
}

/** The capacities for a terminal, a line a variant. */
function capacitiesTable({ variants }: CapacitiesDocument): string {
  const lines = variants.map(({ variant, endpoint, interval: [lower, upper], probes }) =>
    `  ${variant.padEnd(8)}${figure(lower, 3).padEnd(10)}${figure(upper, 3).padEnd(14)}` +
    `${String(probes).padEnd(8)}${endpoint.model} at ${endpoint.base_url}`
  );
  return ["  Variant Carried   Not carried   Probes  Endpoint (rates in requests/s)", ...lines].join("\n");
}
