/**
 * llama.cpp's side of `deno task bench engine`: one GGUF file behind the lines of `../engine/measure.ts`.
 *
 * The only argument is JSON: `{ path, threads, context, cells, sequences }`.
 */
import { answerQuestions, type BenchEngine, type DecodeCell } from "../engine/measure.ts";
import { type AddonSampler, loadAddon } from "./addon.ts";

/** llama.cpp's default for the tokens that it computes at once. */
const BATCH = 512;

interface Options {
  path: string;
  threads: number;
  /** Tokens of each sequence. */
  context: number;
  sequences: number;
  cells: DecodeCell[];
}

const { path, threads, context: tokens, sequences, cells }: Options = JSON.parse(Deno.args[0]);
const addon = await loadAddon();
const model = new addon.AddonModel(path, { useMmap: true, gpuLayers: 0 });
if (!await model.init()) throw new Error(`Cannot load ${path} as llama.cpp must know it: it does not`);
const context = new addon.AddonContext(model, {
  contextSize: sequences * 256 * Math.ceil(tokens / 256),
  batchSize: BATCH,
  sequences,
  flashAttention: true,
  threads,
});
if (!await context.init()) {
  throw new Error(`Cannot make a context of ${sequences} sequences: llama.cpp failed`);
}

const NONE = new Uint32Array(), FIRST = new Uint32Array(1);

/** Runs tokens through one sequence; gives the row of the last one's logits. */
async function read(sequence: number, ids: readonly number[]): Promise<number> {
  let row!: number;
  for (let at = 0; at < ids.length; at += BATCH) {
    const part = Uint32Array.from(ids.slice(at, at + BATCH));
    const last = at + part.length === ids.length;
    context.initBatch(part.length);
    [row] = context.addToBatch(sequence, at, part, last ? Uint32Array.of(part.length - 1) : NONE);
    await context.decodeBatch();
  }
  return row;
}

/** A request that is being answered. */
interface Running {
  sequence: number;
  position: number;
  output: number[];
  wanted: number;
}

/**
 * Continuous batching, greedy: a prompt is read by itself as soon as a sequence is free, and one batch decodes all
 * that are running. (Prompts in one batch with what decodes took as long, since llama.cpp splits a batch of unequal
 * lengths again.)
 */
const serve: BenchEngine["serve"] = async (requests, concurrency) => {
  const samplers: AddonSampler[] = Array.from({ length: concurrency }, () => new addon.AddonSampler(model));
  for (const sampler of samplers) sampler.applyConfig({ temperature: 0 });
  const free = samplers.map((_, sequence) => sequence).reverse();
  const outputs: number[][] = [];
  let running: Running[] = [];
  const take = async (request: Running, row: number) => {
    request.output.push(await context.sampleToken(row, samplers[request.sequence]));
    if (request.output.length < request.wanted) return;
    context.disposeSequence(request.sequence);
    free.push(request.sequence);
  };
  while (outputs.length < requests.length || running.length > 0) {
    while (free.length > 0 && outputs.length < requests.length) {
      const { ids, tokens: wanted } = requests[outputs.length];
      const request = { sequence: free.pop()!, position: ids.length, output: [], wanted };
      outputs.push(request.output);
      running.push(request);
      await take(request, await read(request.sequence, ids));
    }
    running = running.filter((r) => r.output.length < r.wanted);
    if (running.length === 0) continue;
    context.initBatch(running.length);
    const rows = running.map(({ sequence, position, output }) =>
      context.addToBatch(sequence, position, Uint32Array.of(output.at(-1)!), FIRST)[0]
    );
    await context.decodeBatch();
    await Promise.all(running.map((request, i) => {
      request.position++;
      return take(request, rows[i]);
    }));
    running = running.filter((r) => r.output.length < r.wanted);
  }
  for (const sampler of samplers) sampler.dispose();
  return outputs;
};

await answerQuestions({
  steps: {
    async read(sequence, ids) {
      await read(sequence, ids);
    },
    async decode(first, batch, position) {
      context.initBatch(batch);
      for (let s = first; s < first + batch; s++) {
        context.addToBatch(s, position, Uint32Array.of(1000 + s), FIRST);
      }
      await context.decodeBatch();
    },
    truncate: (sequence, position) => {
      context.removeTokenCellsFromSequence(sequence, position, -1);
    },
  },
  serve,
  async close() {
    await context.dispose();
    await model.dispose();
  },
}, cells);
