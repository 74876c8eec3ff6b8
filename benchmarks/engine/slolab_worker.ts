/**
 * slolab's side of `deno task bench engine`: one variant behind the lines of `measure.ts`. Steps go to the runner,
 * the workload goes through the engine.
 *
 * The only argument is JSON: `{ dir, form, threads, context, sequences, cells }`.
 */
import type { VariantManifest } from "slolab/compress/variant.ts";
import { chunkBounds } from "slolab/engine/batcher.ts";
import { Engine } from "slolab/engine/engine.ts";
import { OrtRunner } from "slolab/engine/ort_runner.ts";
import { answerQuestions, type DecodeCell } from "./measure.ts";

interface Options {
  dir: string;
  form: VariantManifest["form"];
  threads: number;
  context: number;
  sequences: number;
  cells: DecodeCell[];
}

const { dir, form, threads, context, sequences, cells }: Options = JSON.parse(Deno.args[0]);
const runner = await OrtRunner.create(dir, { form, slots: sequences, context, threads });
const engine = new Engine({ name: dir, runner, tokenizer: null, eosTokenIds: [] });

await answerQuestions({
  steps: {
    async read(slot, ids) {
      for (const [start, end] of chunkBounds(0, ids.length, runner.chunk)) {
        await runner.prefill(slot, ids.slice(start, end), start, end === ids.length ? "last" : "none");
      }
    },
    async decode(first, batch, position) {
      const rows = Array.from(
        { length: batch },
        (_, i) => ({ slot: first + i, tokenId: 1000 + i, position }),
      );
      await runner.decode(rows, () => 0);
    },
    truncate() {}, // positions are overwritten
  },
  async serve(requests, concurrency) {
    const outputs: number[][] = [];
    const waiting = requests.entries();
    await Promise.all(Array.from({ length: concurrency }, async () => {
      for (const [i, { ids, tokens }] of waiting) {
        outputs[i] = (await engine.generate({ ids }, { maxTokens: tokens })).tokenIds;
      }
    }));
    return outputs;
  },
  close: () => engine.close(),
}, cells);
