/**
 * transformers.js's side of `deno task bench engine`: a folder in the hub's layout behind the lines of `measure.ts`.
 * It batches as transformers.js does: prompts padded on the left, all rows until the longest answer is done.
 *
 * The only argument is JSON: `{ folder, threads }`.
 */
import { AutoModelForCausalLM, env, Tensor } from "@huggingface/transformers";
import { basename, dirname } from "node:path";
import { answerQuestions, type ServedRequest } from "./measure.ts";

const { folder, threads }: { folder: string; threads: number } = JSON.parse(Deno.args[0]);
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);
const model = await AutoModelForCausalLM.from_pretrained(basename(folder), {
  dtype: "q8",
  device: "cpu",
  local_files_only: true,
  session_options: { intraOpNumThreads: threads },
});

async function answerBatch(requests: readonly ServedRequest[]): Promise<number[][]> {
  const length = Math.max(...requests.map((r) => r.ids.length));
  const tensor = (row: (request: ServedRequest, padding: number) => number[]) =>
    new Tensor(
      "int64",
      BigInt64Array.from(requests.flatMap((r) => row(r, length - r.ids.length)), BigInt),
      [requests.length, length],
    );
  const output = await model.generate(
    {
      inputs: tensor(({ ids }, padding) => [...Array(padding).fill(0), ...ids]),
      attention_mask: tensor(({ ids }, padding) => [...Array(padding).fill(0), ...ids.map(() => 1)]),
      max_new_tokens: Math.max(...requests.map((r) => r.tokens)),
      do_sample: false,
      eos_token_id: null,
    } as unknown as Parameters<typeof model.generate>[0],
  ) as Tensor;
  const rows = output.tolist() as bigint[][];
  return rows.map((row, i) => row.slice(length, length + requests[i].tokens).map(Number));
}

await answerQuestions({
  async serve(requests, concurrency) {
    const outputs: number[][] = [];
    for (let at = 0; at < requests.length; at += concurrency) {
      outputs.push(...await answerBatch(requests.slice(at, at + concurrency)));
    }
    return outputs;
  },
  async close() {
    await model.dispose();
  },
}, []);
