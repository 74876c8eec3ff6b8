/** `deno task bench NAME`: the benchmarks, each a command with flags of its own. */
import { runCommand } from "slolab/std/cli.ts";
import { clientBenchmark } from "./client/command.ts";
import { engineBenchmark } from "./engine/command.ts";
import { stepsBenchmark } from "./engine_steps.ts";
import { lmEvalBenchmark } from "./lm_eval.ts";
import { metricsBenchmark } from "./metrics.ts";
import { prefixBenchmark } from "./prefix.ts";
import { soakBenchmark } from "./soak.ts";

const [name, ...args] = Deno.args;
if (name === "client") await runCommand(clientBenchmark, args);
else if (name === "engine") await runCommand(engineBenchmark, args);
else if (name === "lm-eval") await runCommand(lmEvalBenchmark, args);
else if (name === "metrics") await runCommand(metricsBenchmark, args);
else if (name === "prefix") await runCommand(prefixBenchmark, args);
else if (name === "soak") await runCommand(soakBenchmark, args);
else if (name === "steps") await runCommand(stepsBenchmark, args);
else {
  console.error(
    `bench: Cannot run '${
      name ?? ""
    }' as the benchmark must be one of client, engine, lm-eval, metrics, prefix, soak, steps: see deno task bench engine --help`,
  );
  Deno.exit(2);
}
