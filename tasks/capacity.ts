/** The highest rate at which a variant, an endpoint or each of several endpoints meets its SLOs. */
import { join } from "node:path";
import { VARIANTS } from "slolab/compress/variant.ts";
import { runCapacities } from "slolab/pipeline/capacities.ts";
import { type CapacitySettings, runCapacity } from "slolab/pipeline/capacity_run.ts";
import { writeCapacityCharts } from "slolab/report/mod.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { setQuiet } from "slolab/std/progress.ts";
import { LOAD_FLAGS, runOptionsOf, sloOf, targetOf, workloadOf } from "./load_settings.ts";
import { endpointsOf } from "./settings.ts";

const flags = {
  attainment: {
    type: "number",
    min: 0,
    max: 1,
    default: 0.9,
    help: "share of requests that must meet every SLO",
  },
  "start-rate": { type: "number", min: 0, default: 1, help: "requests a second of the first probe" },
  "min-rate": { type: "number", min: 0, default: 0.01, help: "no lower rate is probed" },
  "max-rate": { type: "number", min: 0, default: 10_000, help: "no higher rate is probed" },
  precision: {
    type: "number",
    min: 0,
    default: 0.1,
    help: "the interval's bounds differ by at most this share",
  },
  "max-probes": { type: "integer", min: 1, default: 20, help: "the search ends after so many" },
  "max-probe-requests": {
    type: "integer",
    min: 1,
    default: 2000,
    help: "a probe ends undecided after so many",
  },
  "max-probe-seconds": { type: "number", min: 0, default: 600, help: "or after so long" },
  "min-probe-seconds": {
    type: "number",
    min: 0,
    default: 30,
    help: "no rate is called met sooner: a queue takes time to grow",
  },
  arrivals: {
    type: "string",
    choices: ["poisson", "constant", "gamma"],
    default: "poisson",
    help: "when requests are sent",
  },
  shape: { type: "number", min: 0, default: 0.5, help: "of gamma gaps: 1 is Poisson, less is burstier" },
  ...LOAD_FLAGS,
  variant: {
    type: "string",
    choices: VARIANTS,
    help: "16, 8 or 4 bit (default med; of --endpoints: each that the file names, one after the other)",
  },
  "output-dir": {
    type: "string",
    help: "where the results go (default results/capacity_VARIANT; of --endpoints: results/capacity)",
  },
} satisfies Flags;

await runCommand({
  name: "capacity",
  summary:
    "Searches the highest rate at which a share of requests meets its SLOs, and the latency against rate.",
  flags,
  examples: [
    "--slo-ttft-ms 2000 --slo-tpot-ms 200 --attainment 0.9",
    "--variant cheap --prompts synthetic --input-tokens 128 --output-tokens 32 --start-rate 0.5 --precision 0.2",
    "--slo-ttft-ms 500 --slo-tpot-ms 50 --endpoint http://127.0.0.1:8000/v1 --start-rate 4",
    "--endpoints deploy/endpoints.json --slo-ttft-ms 500 --slo-tpot-ms 50",
    "--output-dir results/capacity_med --resume",
  ],
  run: async (o) => {
    setQuiet(o.json);
    for (
      const [name, value] of [["start-rate", o.startRate], ["min-rate", o.minRate], [
        "precision",
        o.precision,
      ]] as const
    ) {
      if (!(value > 0)) throw new BadInput(`Cannot use --${name} as it must be above 0: it is ${value}`);
    }
    if (!(o.attainment > 0 && o.attainment < 1)) {
      throw new BadInput(
        `Cannot use --attainment as a share can be proven above 0 and below 1 alone: it is ${o.attainment}`,
      );
    }
    using interrupt = onInterrupt("Stopped: --resume goes on with the search");
    const one = { ...o, variant: o.variant ?? "med" };
    const settings: Omit<CapacitySettings, "target"> = {
      workload: workloadOf(one, "questions"),
      search: {
        startRate: o.startRate,
        minRate: o.minRate,
        maxRate: o.maxRate,
        precision: o.precision,
        maxProbes: o.maxProbes,
      },
      arrivals: o.arrivals as CapacitySettings["arrivals"],
      shape: o.shape,
      attainment: o.attainment,
      maxProbeRequests: o.maxProbeRequests,
      maxProbeSeconds: o.maxProbeSeconds,
      minProbeSeconds: o.minProbeSeconds,
      warmup: o.warmup,
      maxInFlight: o.maxInFlight,
      timeoutMs: o.timeoutMs,
      slo: sloOf(o),
      seed: o.seed,
    };
    const endpoints = o.variant === undefined && o.endpoint === undefined && await endpointsOf(o);
    if (endpoints) {
      const { tokenizer, context, outputDir = "results/capacity" } = o;
      const targets = new Map([...endpoints].map(([v, endpoint]) => [v, { endpoint, tokenizer, context }]));
      const options = runOptionsOf({ ...one, outputDir }, "capacity", interrupt.signal);
      const summary = await runCapacities(targets, settings, options);
      if (o.charts) { for (const v of endpoints.keys()) await writeCapacityCharts(join(outputDir, v)); }
      if (o.json) console.log(JSON.stringify(summary, null, 2));
      return;
    }
    const options = runOptionsOf(one, "capacity", interrupt.signal);
    const capacity = await runCapacity({ ...settings, target: await targetOf(one) }, options);
    if (o.charts) await writeCapacityCharts(options.outputDir);
    if (o.json) console.log(JSON.stringify(capacity, null, 2));
  },
});
