/**
 * `deno task bench steps`: how fast a variant decodes and reads prompts, what the engine (batching, sampling,
 * streaming) leaves of it, what is left beside a process that keeps a core busy, and how long running streams wait
 * while a long prompt comes in.
 *
 * The bare runner, the engine and the engine beside the busy process take turns; one JSON line holds the medians
 * over rounds.
 */
import { cpuUsage } from "node:process";
import { ensureVariant } from "slolab/compress/cache.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { Engine } from "slolab/engine/engine.ts";
import { OrtRunner } from "slolab/engine/ort_runner.ts";
import { readTokenizer } from "slolab/engine/tokenizer.ts";
import { median } from "slolab/math/mod.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import type { Command, Flags } from "slolab/std/cli.ts";

const flags = {
  model: { type: "string", default: "smollm2-135m-instruct", help: "catalogue name, hub id or path" },
  variant: { type: "string", default: "med", choices: VARIANTS, help: "how the weights are stored" },
  batches: { type: "integers", default: [1, 8, 16], min: 1, help: "requests decoding at once" },
  prompts: { type: "integers", default: [128, 512], min: 2, help: "lengths of prompts to read" },
  past: { type: "integer", default: 200, min: 2, help: "tokens in each slot before decoding begins" },
  steps: { type: "integer", default: 30, min: 2, help: "decode steps of a round" },
  rounds: { type: "integer", default: 3, min: 1, help: "rounds; medians are printed" },
} satisfies Flags;

/** Streams that decode beside the busy process, and while a prompt of so many tokens comes in. */
const STREAMS = 8, LONG_PROMPT = 1000;

export const stepsBenchmark: Command<typeof flags> = {
  name: "bench steps",
  summary: "Measures the step loop of one variant: bare, through the engine, beside a busy process.",
  flags,
  examples: ["", "--batches 8 --rounds 9", "--model Qwen/Qwen2.5-0.5B-Instruct --variant cheap"],
  async run({ model, variant, batches, prompts, past, steps, rounds }) {
    const { dir, manifest } = await ensureVariant({ model, variant: variant as typeof VARIANTS[number] });
    const slots = Math.max(STREAMS + 1, ...batches), chunk = 128;
    /** Decode steps that the first request takes while the prompts of the others are read. */
    const lead = (slots - 1) * Math.ceil(past / chunk);
    const context = Math.max(past + lead + steps + 1, LONG_PROMPT + 2, ...prompts);
    const runner = await OrtRunner.create(dir, { slots, context, chunk });
    const tokenizer = await readTokenizer(dir);
    await using engine = new Engine({ name: model, runner, tokenizer, eosTokenIds: [] });
    const ids = (salt: number, length: number) =>
      Array.from({ length }, (_, i) => (salt * 131 + i * 7919) % runner.vocabSize);

    /** Tokens a second, and of the processor's seconds, which other processes change little. */
    interface Rate {
      perSec: number;
      perCpuSec: number;
    }
    const cpuMs = () => {
      const { user, system } = cpuUsage();
      return (user + system) / 1000;
    };

    /** Decode runs alone. */
    async function bare(batch: number): Promise<Rate> {
      const rows = Array.from({ length: batch }, (_, slot) => ({ slot, tokenId: slot, position: past }));
      const from = performance.now(), cpuFrom = cpuMs();
      for (let step = 0; step < steps; step++) {
        await runner.decode(rows, () => 0);
        for (const row of rows) row.position++;
      }
      const tokens = 1000 * batch * steps;
      return { perSec: tokens / (performance.now() - from), perCpuSec: tokens / (cpuMs() - cpuFrom) };
    }

    /** The engine while all requests decode. */
    async function through(batch: number): Promise<Rate> {
      const stamps: number[][] = [];
      let decoding = 0, cpuFrom = 0, cpuTo = 0;
      await Promise.all(Array.from({ length: batch }, (_, r) => {
        const at: number[] = stamps[r] = [];
        const maxTokens = 1 + steps + (batch - 1 - r) * Math.ceil(past / chunk); // all end at about one step
        return engine.generate({ ids: ids(r, past) }, {
          maxTokens,
          onToken(event) {
            if (at.push(event.at) === 1 && ++decoding === batch) cpuFrom = cpuMs();
            if (event.finishReason && cpuTo === 0) cpuTo = cpuMs();
          },
        });
      }));
      const from = Math.max(...stamps.map((s) => s[0])), to = Math.min(...stamps.map((s) => s.at(-1)!));
      const tokens = stamps.flat().filter((at) => at > from && at <= to).length;
      return { perSec: 1000 * tokens / (to - from), perCpuSec: 1000 * tokens / (cpuTo - cpuFrom) };
    }

    /** The same beside a process that keeps a core busy. */
    async function besideBusy(batch: number): Promise<Rate> {
      const busy = new Deno.Command("deno", { args: ["eval", "for (;;);"] }).spawn();
      try {
        return await through(batch);
      } finally {
        busy.kill("SIGKILL");
        await busy.status;
      }
    }

    async function read(length: number): Promise<number> {
      const from = performance.now();
      await engine.generate({ ids: ids(7, length) }, { maxTokens: 1 });
      return 1000 * length / (performance.now() - from);
    }

    const chunkMs: number[] = [];
    const prefill = runner.prefill.bind(runner);
    runner.prefill = async (...args) => {
      const from = performance.now();
      const logits = await prefill(...args);
      chunkMs.push(performance.now() - from);
      return logits;
    };

    /** The gaps between tokens of streams while a long prompt comes in, beside the longest of its chunks, in ms. */
    async function stall(): Promise<{ medianMs: number; longestMs: number; chunkMs: number }> {
      const end = new AbortController(), stamps: number[][] = [];
      let decoding = 0;
      const begun = Promise.withResolvers<void>();
      const streams = Array.from({ length: STREAMS }, (_, r) => {
        const at: number[] = stamps[r] = [];
        return engine.generate({ ids: ids(r, 30) }, {
          maxTokens: context - 30,
          signal: end.signal,
          onToken(event) {
            if (at.push(event.at) === 20 && ++decoding === STREAMS) begun.resolve();
          },
        });
      });
      await begun.promise;
      const from = performance.now();
      chunkMs.length = 0;
      await engine.generate({ ids: ids(6, LONG_PROMPT) }, { maxTokens: 1 });
      end.abort();
      await Promise.all(streams);
      const gaps = stamps.flatMap((s) => s.slice(1).map((at, i) => ({ at, ms: at - s[i] })));
      return {
        medianMs: median(gaps.filter((g) => g.at < from).map((g) => g.ms).slice(STREAMS))!,
        longestMs: Math.max(...gaps.filter((g) => g.at >= from).map((g) => g.ms)),
        chunkMs: Math.max(...chunkMs),
      };
    }

    const samples = new Map<string, number[]>();
    const note = (key: string, value: number) => samples.set(key, [...(samples.get(key) ?? []), value]);
    const middle = (key: string, digits = 1) => Number(median(samples.get(key)!)!.toFixed(digits));
    for (let round = 0; round <= rounds; round++) {
      const warm = round > 0;
      for (const batch of batches) {
        const engine = await through(batch), alone = await bare(batch); // the first fills the slots for the second
        if (!warm) continue;
        note(`engine ${batch}`, engine.perSec);
        note(`runner ${batch}`, alone.perSec);
        note(`share ${batch}`, engine.perSec / alone.perSec);
        note(`cpu share ${batch}`, engine.perCpuSec / alone.perCpuSec);
      }
      for (const length of prompts) {
        const rate = await read(length);
        if (warm) note(`prefill ${length}`, rate);
      }
      const quiet = await through(STREAMS), busy = await besideBusy(STREAMS);
      const { medianMs, longestMs, chunkMs } = await stall();
      if (!warm) continue;
      note("busy share", busy.perSec / quiet.perSec);
      note("gap median", medianMs);
      note("gap longest", longestMs);
      note("chunk", chunkMs);
      note("gap share", longestMs / (3 * medianMs + chunkMs));
    }
    console.log(JSON.stringify({
      model: manifest.model,
      variant,
      form: manifest.form,
      past,
      rounds,
      machine: describeMachine(),
      decode_tokens_per_sec: Object.fromEntries(batches.map((b) => [b, {
        engine: middle(`engine ${b}`),
        runner: middle(`runner ${b}`),
        engine_share: middle(`share ${b}`, 3),
        engine_share_of_cpu: middle(`cpu share ${b}`, 3),
      }])),
      prefill_tokens_per_sec: Object.fromEntries(prompts.map((n) => [n, middle(`prefill ${n}`)])),
      share_beside_busy_process: middle("busy share", 3),
      long_prompt: {
        streams: STREAMS,
        prompt_tokens: LONG_PROMPT,
        median_gap_ms: middle("gap median"),
        longest_gap_ms: middle("gap longest"),
        chunk_ms: middle("chunk"),
        share_of_limit: middle("gap share", 3),
      },
    }));
  },
};
