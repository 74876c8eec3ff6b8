/**
 * How fast a variant decodes and reads prompts, and how much of it the engine (batching, sampling, streaming)
 * leaves: the bare runner and the engine alternate, and one JSON line holds the medians over rounds.
 *
 *     deno run -A benchmarks/engine_steps.ts --model smollm2-135m-instruct --variant med
 */
import { ensureVariant } from "slolab/compress/cache.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { Engine } from "slolab/engine/engine.ts";
import { OrtRunner } from "slolab/engine/ort_runner.ts";
import { median } from "slolab/math/mod.ts";
import { describeMachine } from "slolab/pipeline/machine.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";

const flags = {
  model: { type: "string", default: "smollm2-135m-instruct", help: "catalogue name, hub id or path" },
  variant: { type: "string", default: "med", choices: VARIANTS, help: "how the weights are stored" },
  batches: { type: "integers", default: [1, 8, 16], min: 1, help: "requests decoding at once" },
  prompts: { type: "integers", default: [128, 512], min: 2, help: "lengths of prompts to read" },
  past: { type: "integer", default: 200, min: 2, help: "tokens in each slot before decoding begins" },
  steps: { type: "integer", default: 30, min: 2, help: "decode steps of a round" },
  rounds: { type: "integer", default: 3, min: 1, help: "rounds; medians are printed" },
} satisfies Flags;

await runCommand({
  name: "engine_steps",
  summary: "Measures decoding and prefill of one variant, bare and through the engine.",
  flags,
  examples: [],
  async run({ model, variant, batches, prompts, past, steps, rounds }) {
    const { dir, manifest } = await ensureVariant({ model, variant: variant as typeof VARIANTS[number] });
    const slots = Math.max(...batches), chunk = 128;
    /** Decode steps that the first request takes while the prompts of the others are read. */
    const lead = (slots - 1) * Math.ceil(past / chunk);
    const context = Math.max(past + lead + steps + 1, ...prompts);
    const runner = await OrtRunner.create(dir, { slots, context, chunk });
    await using engine = new Engine({ name: model, runner, tokenizer: null, eosTokenIds: [] });
    const ids = (salt: number, length: number) =>
      Array.from({ length }, (_, i) => (salt * 131 + i * 7919) % runner.vocabSize);

    /** Tokens a second of decode runs alone. */
    async function bare(batch: number): Promise<number> {
      const rows = Array.from({ length: batch }, (_, slot) => ({ slot, tokenId: slot, position: past }));
      const from = performance.now();
      for (let step = 0; step < steps; step++) {
        await runner.decode(rows, () => 0);
        for (const row of rows) row.position++;
      }
      return 1000 * batch * steps / (performance.now() - from);
    }

    /** Tokens a second while all requests decode. */
    async function through(batch: number): Promise<number> {
      const stamps: number[][] = [];
      await Promise.all(Array.from({ length: batch }, (_, r) => {
        const at: number[] = stamps[r] = [];
        const maxTokens = 1 + steps + (batch - 1 - r) * Math.ceil(past / chunk); // all end at about one step
        return engine.generate({ ids: ids(r, past) }, { maxTokens, onToken: (e) => at.push(e.at) });
      }));
      const from = Math.max(...stamps.map((s) => s[0])), to = Math.min(...stamps.map((s) => s.at(-1)!));
      const tokens = stamps.flat().filter((at) => at > from && at <= to).length;
      return 1000 * tokens / (to - from);
    }

    async function read(length: number): Promise<number> {
      const from = performance.now();
      await engine.generate({ ids: ids(7, length) }, { maxTokens: 1 });
      return 1000 * length / (performance.now() - from);
    }

    const rates = new Map<string, number[]>();
    const note = (key: string, rate: number) => rates.set(key, [...(rates.get(key) ?? []), rate]);
    for (let round = 0; round <= rounds; round++) {
      for (const batch of batches) {
        const pair = [await through(batch), await bare(batch)]; // the first fills the slots for the second
        if (round > 0) pair.forEach((rate, i) => note(`${["engine", "runner"][i]} ${batch}`, rate));
      }
      for (const length of prompts) {
        const rate = await read(length);
        if (round > 0) note(`prefill ${length}`, rate);
      }
    }
    const rounded = (key: string) => Number(median(rates.get(key)!)!.toFixed(1));
    console.log(JSON.stringify({
      model: manifest.model,
      variant,
      form: manifest.form,
      past,
      rounds,
      machine: describeMachine(),
      decode_tokens_per_sec: Object.fromEntries(
        batches.map((b) => [b, { engine: rounded(`engine ${b}`), runner: rounded(`runner ${b}`) }]),
      ),
      prefill_tokens_per_sec: Object.fromEntries(prompts.map((n) => [n, rounded(`prefill ${n}`)])),
    }));
  },
});
