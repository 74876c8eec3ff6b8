/** Models and prompts of the comparison: GGUF files of the same weights, and questions as token ids. */
import { basename, join } from "node:path";
import type { Tokenizer } from "slolab/checkpoint/tokenizer.ts";
import { loadOrBuild } from "slolab/data/mod.ts";
import { chooseQuestions } from "slolab/eval/choose_questions.ts";
import { createRandom, shuffle } from "slolab/math/mod.ts";
import { buildPrompt, toMessages } from "slolab/prompts/mod.ts";
import { BadInput } from "slolab/std/errors.ts";
import { exists, slolabCacheDir } from "slolab/std/files.ts";
import { say } from "slolab/std/progress.ts";
import { SHARED } from "slolab/std/test_support.ts";
import type { ServedRequest } from "./measure.ts";

export const MODELS = ["smollm2", "qwen05"] as const;

/** What `requantize.py` needs. */
const REQUIREMENTS = ["gguf==0.19.0", "numpy==2.4.6"];
/** Longest prompt of the workload. */
const MAX_PROMPT = 768;

/** Where files of the benchmark are kept. */
export function benchCacheDir(): string {
  return join(slolabCacheDir(), "bench");
}

/**
 * Brings a model's GGUF file.
 * @throws {BadInput} where `../shared` is not there.
 */
export async function fetchModel(name: string): Promise<string> {
  const path = await runPython([join(shared(), "models", "fetch.py"), name]);
  return path.trim();
}

/** The same weights in another width of llama.cpp's. */
export async function requantised(path: string, kind: "Q8_0" | "Q4_0"): Promise<string> {
  const cache = benchCacheDir();
  const out = join(cache, basename(path).replace(/\.gguf$/, `.${kind}.gguf`));
  if (await exists(out)) return out;
  say(`  Rewriting ${basename(path)} as ${kind}`);
  const packages = join(cache, REQUIREMENTS.join("-"));
  if (!await exists(packages)) {
    const part = `${packages}.part`;
    await runPython(["-m", "pip", "install", "--quiet", "--target", part, ...REQUIREMENTS]);
    await Deno.rename(part, packages);
  }
  await runPython([join(shared(), "models", "requantize.py"), path, `${out}.part`, kind], {
    PYTHONPATH: packages,
  });
  await Deno.rename(`${out}.part`, out);
  return out;
}

/**
 * Draws the workload: MMLU and GSM8K in turns, zero-shot, each with an answer of 8 to `maxTokens` tokens. The
 * lengths are drawn as well, so that every engine does the same work whatever it would say.
 */
export async function drawWorkload(
  tokenizer: Tokenizer,
  count: number,
  maxTokens: number,
): Promise<ServedRequest[]> {
  const { test } = await loadOrBuild();
  const random = createRandom(5);
  const asked = test.flatMap((example) => {
    const ids = tokenizer.promptIds({ messages: toMessages(buildPrompt(example, example.dataset)) });
    return ids.length <= MAX_PROMPT ? [{ dataset: example.dataset, example, ids }] : [];
  });
  const drawn = (["mmlu", "gsm8k"] as const).flatMap((dataset) => {
    const of = asked.filter((a) => a.dataset === dataset);
    const chosen = new Set(chooseQuestions(of.map((a) => a.example), count / 2, 5));
    return of.filter((a) => chosen.has(a.example));
  });
  if (drawn.length < count) {
    throw new BadInput(
      `Cannot draw ${count} prompts as there must be as many questions: there are ${drawn.length}`,
    );
  }
  return shuffle(drawn, random).map(({ ids }) => ({ ids, tokens: 8 + random.int(maxTokens - 7) }));
}

function shared(): string {
  if (SHARED !== null) return SHARED;
  throw new BadInput("Cannot fetch models as ../shared must be beside the repository: it is not");
}

async function runPython(args: string[], env?: Record<string, string>): Promise<string> {
  const python = Deno.build.os === "windows" ? "python" : "python3";
  const { success, stdout } = await new Deno.Command(python, { args, env, stderr: "inherit" }).output();
  if (!success) throw new Error(`Cannot run ${basename(args[0])} as ${python} must be able to: it failed`);
  return new TextDecoder().decode(stdout);
}
