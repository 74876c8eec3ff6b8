/** `deno task bench engine`: slolab, llama.cpp and transformers.js on the same weights, in turns. */
import { basename, join } from "node:path";
import { FORM_CHOICES, type FormChoice, prepareVariant } from "slolab/engine/forms.ts";
import { readTokenizer } from "slolab/engine/tokenizer.ts";
import { describeMachine, describeVersions } from "slolab/pipeline/machine.ts";
import { AppendLog } from "slolab/std/append_log.ts";
import type { Command, Flags, Values } from "slolab/std/cli.ts";
import { exists, readJson, sha256, writeJson } from "slolab/std/files.ts";
import { onInterrupt } from "slolab/std/interrupt.ts";
import { Progress, say, setQuiet } from "slolab/std/progress.ts";
import { requireSameSettings, type Settings } from "slolab/std/settings.ts";
import {
  cellName,
  type EngineName,
  ENGINES,
  enginesOf,
  FULL,
  QUICK,
  type Scope,
  type Turn,
  type TurnRecord,
  turnsLeft,
} from "./cells.ts";
import { writeHubExport } from "./hub_export.ts";
import { benchCacheDir, drawWorkload, fetchModel, MODELS, requantised } from "./inputs.ts";
import { type Ask, contextOf, type DecodeCell, sequencesOf, type ServedRequest } from "./measure.ts";
import { EngineProcess, LLAMA_CPP, SLOLAB, TRANSFORMERS_JS } from "./process.ts";
import { ratiosOf, roundedRatio, tableOf } from "./ratios.ts";

const flags = {
  models: { type: "strings", default: MODELS, choices: MODELS, help: "models" },
  rounds: { type: "integer", default: 5, min: 1, help: "rounds of each cell; of a workload 3 at most" },
  "output-dir": { type: "string", default: "results/bench_engine", help: "where turns are kept" },
  form: {
    type: "string",
    default: "auto",
    choices: FORM_CHOICES,
    help: "how slolab's matrices are multiplied",
  },
  threads: { type: "integer", default: navigator.hardwareConcurrency, min: 1, help: "of every engine" },
  quick: { type: "boolean", help: "few short cells, for a look at whether all engines run" },
  json: { type: "boolean", help: "print the JSON line alone" },
} satisfies Flags;

export const engineBenchmark: Command<typeof flags> = {
  name: "bench engine",
  summary:
    "Measures slolab against llama.cpp and transformers.js, alternating them. The same command goes on.",
  flags,
  examples: [
    "",
    "--models smollm2 --rounds 7",
    "--quick --models smollm2 --rounds 1 --output-dir results/look",
  ],
  run: runEngineBenchmark,
};

const LOG_KIND = {
  noun: "a turn",
  isRecord: (r: Record<string, unknown>) =>
    typeof r.cell === "string" && typeof r.round === "number" && typeof r.engines === "object",
};

async function runEngineBenchmark(options: Values<typeof flags>): Promise<void> {
  const { models, rounds, outputDir, quick, json, threads } = options;
  const scope = quick ? QUICK : FULL;
  setQuiet(json);
  const load = Deno.loadavg()[0];
  if (load > BUSY) {
    console.error(`bench engine: the machine must be idle: ${load.toFixed(1)} processes are busy on it`);
  }
  const prepared: Prepared[] = [];
  for (const model of models) {
    prepared.push(await prepare(model, scope, { form: options.form as FormChoice, threads }));
  }

  const settings = {
    machine: describeMachine(),
    versions: describeVersions(),
    threads,
    quick,
    ...Object.fromEntries(prepared.map((p) => [p.model, p.identity])),
  };
  const path = join(outputDir, "bench.json");
  const earlier = await exists(path) ? await readJson<Settings>(path) : {};
  requireSameSettings(outputDir, { ...settings, ...earlier }, { ...earlier, ...settings }); // models may join
  await writeJson(path, { ...earlier, ...settings });

  const { log, records } = await AppendLog.open(join(outputDir, "turns.jsonl"), true, LOG_KIND);
  const turns = records as unknown as TurnRecord[];
  try {
    using interrupt = onInterrupt("stopped; the same command goes on");
    for (const model of prepared) {
      await measureModel(model, turnsLeft(model.model, scope.cells, rounds, turns), {
        scope,
        threads,
        signal: interrupt.signal,
        onRecord(record) {
          log.append({ ...record });
          turns.push(record);
        },
      });
    }
  } finally {
    log.close();
  }
  const ratios = models.flatMap((model) => ratiosOf(model, scope.cells, turns));
  if (!json) console.log(tableOf(ratios) + "\n");
  console.log(JSON.stringify({ ...settings, ratios: ratios.map(roundedRatio) }));
}

/** A model's files and its workload. */
interface Prepared {
  model: string;
  /** slolab's variants: a folder, and the form that runs. */
  variants: Record<"med" | "cheap", { dir: string; form: string }>;
  /** llama.cpp's files. */
  files: Record<"q8_0" | "q4_0", string>;
  /** Folder for transformers.js, or null where there is no export for the architecture. */
  hubFolder: string | null;
  requests: ServedRequest[];
  /** What must not change between turns. */
  identity: Record<string, string>;
}

async function prepare(
  model: string,
  scope: Scope,
  options: { form: FormChoice; threads: number },
): Promise<Prepared> {
  const path = await fetchModel(model);
  const [med, cheap] = [
    await prepareVariant({ model: path, variant: "med", ...options }),
    await prepareVariant({ model: path, variant: "cheap", ...options }),
  ];
  const requests = await drawWorkload((await readTokenizer(med.dir))!, scope.requests, scope.maxTokens);
  let hubFolder: string | null = null;
  if (med.manifest.architecture === "llama") {
    hubFolder = join(benchCacheDir(), `${basename(path)}-onnx`);
    await writeHubExport(path, hubFolder);
  }
  return {
    model,
    variants: { med, cheap },
    files: { q8_0: await requantised(path, "Q8_0"), q4_0: await requantised(path, "Q4_0") },
    hubFolder,
    requests,
    identity: {
      med: `${basename(med.dir)} ${med.form}`,
      cheap: `${basename(cheap.dir)} ${cheap.form}`,
      workload: sha256(JSON.stringify(requests)),
    },
  };
}

interface MeasureOptions {
  scope: Scope;
  threads: number;
  signal: AbortSignal;
  onRecord: (record: TurnRecord) => void;
}

/** Beyond this many busy processes figures are of no use: llama.cpp waits for each of its threads at each operator. */
const BUSY = 0.5;

/** Takes the turns of one model with all its engines in memory, one of them at work. */
async function measureModel(
  { model, variants, files, hubFolder, requests }: Prepared,
  turns: readonly Turn[],
  { scope, threads, signal, onRecord }: MeasureOptions,
): Promise<void> {
  if (turns.length === 0) return;
  const cells = scope.cells.flatMap((c): DecodeCell[] => c.kind === "decode" ? [c] : []);
  const lengths = scope.cells.flatMap((c) => c.kind === "prefill" ? [c.length] : []);
  const concurrency = Math.max(...scope.cells.map((c) => c.kind === "workload" ? c.concurrency : 0));
  const common = {
    threads,
    cells,
    sequences: Math.max(sequencesOf(cells).count, concurrency),
    context: contextOf(cells, [...lengths, ...requests.map((r) => r.ids.length + r.tokens)]),
  };
  await using stack = new AsyncDisposableStack();
  const start = (name: EngineName): Promise<EngineProcess> => {
    switch (name) {
      case "med":
      case "cheap": {
        const { dir, form } = variants[name];
        return EngineProcess.start(name, SLOLAB, { dir, form, ...common });
      }
      case "q8_0":
      case "q4_0":
        return EngineProcess.start(name, LLAMA_CPP, {
          path: files[name],
          ...common,
        });
      case "transformers_js":
        return EngineProcess.start(name, TRANSFORMERS_JS, {
          folder: hubFolder,
          threads,
        });
    }
  };
  say(`  Loading ${model}`);
  const processes = new Map<EngineName, EngineProcess>();
  for (const name of ENGINES) processes.set(name, stack.use(await start(name)));

  const progress = new Progress({ label: `${model}, turns`, total: turns.length });
  for (const [i, turn] of turns.entries()) {
    const engines: TurnRecord["engines"] = {};
    for (const name of enginesOf(turn, hubFolder !== null)) {
      signal.throwIfAborted();
      const kept = processes.get(name);
      const engine = kept ?? await start(name);
      try {
        const { tokens, seconds } = await engine.ask(askOf(turn, requests, scope.ms));
        engines[name] = { tokens, seconds };
      } catch (thrown) {
        signal.throwIfAborted(); // Ctrl-C ends the engines too
        throw thrown;
      } finally {
        if (!kept) await engine[Symbol.asyncDispose]();
      }
    }
    onRecord({ model, cell: cellName(turn.cell), round: turn.round, engines });
    progress.update(i + 1);
  }
  progress.finish();
}

function askOf({ cell }: Turn, requests: ServedRequest[], ms: number): Ask {
  switch (cell.kind) {
    case "decode":
      return { kind: "decode", cell, ms };
    case "prefill":
      return { kind: "prefill", length: cell.length, ms };
    case "workload":
      return { kind: "serve", requests, concurrency: cell.concurrency };
  }
}
