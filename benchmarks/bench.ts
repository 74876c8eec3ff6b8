/** `deno task bench NAME`: the benchmarks, each a command with flags of its own. */
import { runCommand } from "slolab/std/cli.ts";
import { engineBenchmark } from "./engine/command.ts";
import { metricsBenchmark } from "./metrics.ts";

const [name, ...args] = Deno.args;
if (name === "engine") await runCommand(engineBenchmark, args);
else if (name === "metrics") await runCommand(metricsBenchmark, args);
else {
  console.error(
    `bench: Cannot run '${
      name ?? ""
    }' as the benchmark must be one of engine, metrics: see deno task bench engine --help`,
  );
  Deno.exit(2);
}
