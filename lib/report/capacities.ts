/** The capacities of several variants as one self-contained HTML page. */
import { join } from "node:path";
import type { VariantName } from "../compress/variant.ts";
import { type CapacityDocument, figure, percent } from "../metrics/mod.ts";
import { readJson, writeAtomic } from "../std/files.ts";
import { capacitiesChart, type Searched } from "./charts/capacities.ts";
import { readCapacity, sloNote } from "./capacity_report.ts";
import { capacityWords } from "./charts/capacity.ts";
import { modelTitle, table } from "./html.ts";
import { settingsSection } from "./html_report.ts";
import { card, htmlPage } from "./page.ts";
import type { RunInfo } from "./run_documents.ts";
import { writeSvgFiles } from "./svg.ts";

/** `summary.json` of a search of several variants. */
export interface CapacitiesDocument extends Pick<CapacityDocument, "attainment" | "slo"> {
  data_source: string;
  /** In the order in which they were searched. */
  variants: CapacityOfVariant[];
}

export interface CapacityOfVariant
  extends Pick<CapacityDocument, "capacity_requests_per_sec" | "interval" | "undecided_rates"> {
  variant: VariantName;
  endpoint: { base_url: string; model: string };
  probes: number;
}

async function readCapacities(dir: string) {
  const summary = await readJson<CapacitiesDocument>(join(dir, "summary.json"));
  const searched: Searched[] = await Promise.all(
    summary.variants.map(async ({ variant }) => ({
      variant,
      capacity: await readCapacity(join(dir, variant)),
    })),
  );
  return { summary, searched };
}

/**
 * Writes `report.html` into the folder above those of the variants' searches.
 * @returns the path of the report
 * @throws {BadInput} where a variant's folder holds no finished search.
 */
export async function writeCapacitiesReport(dir: string): Promise<string> {
  const path = join(dir, "report.html");
  const { summary, searched } = await readCapacities(dir);
  const run = await readJson<RunInfo>(join(dir, "run.json"));
  await writeAtomic(
    path,
    await htmlPage({
      kicker: "slolab capacity",
      title: `Capacity: ${searched.map((s) => s.variant).join(", ")}`,
      isSample: summary.data_source === "sample",
      summary: summarySection(summary, searched),
      charts: [capacitiesChart(searched)],
      sections: [variantsSection(summary), settingsSection({ run })],
    }),
  );
  return path;
}

/** Writes the chart of the searches to `charts/capacities.svg`; gives its path. */
export async function writeCapacitiesCharts(dir: string): Promise<string[]> {
  return await writeSvgFiles([capacitiesChart((await readCapacities(dir)).searched)], join(dir, "charts"));
}

function summarySection({ slo }: CapacitiesDocument, searched: readonly Searched[]): string {
  return [
    '<section aria-label="Summary">\n<dl class="cards">',
    ...searched.map(({ variant, capacity }) =>
      card(variant, capacityWords(capacity), capacity.capacity_requests_per_sec === null ? "bad" : "ok")
    ),
    "</dl>",
    sloNote(slo),
    "</section>",
  ].join("\n");
}

function variantsSection({ variants, attainment }: CapacitiesDocument): string {
  return "<section>\n<h2>Variants</h2>\n" + table(
    `Rates at which ${percent(attainment, 1)} of the requests are within every SLO, requests/s`,
    ["Variant", "Carried", "Not carried", "Not judged", "Probes", "Model", "Endpoint"],
    variants.map(({ variant, interval: [lower, upper], undecided_rates, probes, endpoint }) => [
      { html: `<a href="${variant}/report.html">${variant}</a>` },
      figure(lower, 3),
      figure(upper, 3),
      undecided_rates.map((rate) => figure(rate, 3)).join(", ") || "-",
      probes,
      modelTitle(endpoint.model),
      endpoint.base_url,
    ]),
  ) + "\n</section>";
}
