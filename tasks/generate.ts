import { VARIANTS } from "slolab/compress/variant.ts";
import { DEVICES } from "slolab/engine/ort.ts";
import { SingleVariantServer } from "slolab/engine/single_variant_server.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { BadInput } from "slolab/std/errors.ts";
import { setQuiet } from "slolab/std/progress.ts";
import { toRecord } from "slolab/types/mod.ts";
import { FORM_FLAGS, formOf, MEMORY_FLAGS, memoryOf } from "./settings.ts";

const flags = {
  prompt: { type: "string", help: "the user's message", short: "p" },
  model: {
    type: "string",
    default: "smollm2-135m-instruct",
    help: "catalogue name, hub id or path",
    alias: ["model-name"],
  },
  variant: { type: "string", default: "med", choices: VARIANTS, help: "how the weights are stored" },
  device: { type: "string", default: "cpu", choices: DEVICES, help: "where the model runs" },
  "max-tokens": { type: "integer", default: 256, min: 1, help: "most output tokens" },
  temperature: { type: "number", default: 0, min: 0, help: "0 is greedy" },
  "top-p": { type: "number", default: 1, min: 0, max: 1, help: "nucleus sampling" },
  "top-k": { type: "integer", default: 0, min: 0, help: "0 is all tokens" },
  seed: { type: "integer", help: "repeats a draw (default: another each time)" },
  stop: { type: "strings", help: "strings that end the answer" },
  ...FORM_FLAGS,
  context: MEMORY_FLAGS.context,
  "kv-memory": MEMORY_FLAGS["kv-memory"],
  raw: { type: "boolean", help: "the prompt as it is, without the chat template" },
  json: { type: "boolean", help: "one JSON line with the text and its measures instead of the stream" },
} satisfies Flags;

await runCommand({
  name: "generate",
  summary: "Streams one answer of a model.",
  flags,
  examples: [
    '--prompt "Why is the sky blue?"',
    '--prompt "A story about a fox." --variant cheap --temperature 0.8 --seed 1',
    '--prompt "2 + 2 =" --raw --max-tokens 8 --json',
  ],
  async run({ prompt, model, variant, device, context, kvMemory, form, tune, raw, json, ...sampling }) {
    if (!prompt) throw new BadInput("Cannot generate as --prompt must say something: it is empty");
    setQuiet(json);
    await using server = new SingleVariantServer({
      model,
      variant: variant as typeof VARIANTS[number],
      device: device as typeof DEVICES[number],
      ...formOf({ form, tune }),
      ...memoryOf({ slots: 1, context, kvMemory }),
    });
    const encoder = new TextEncoder();
    const answer = await server.generate(raw ? { text: prompt } : prompt, {
      ...sampling,
      onToken: ({ text }) => json || Deno.stdout.writeSync(encoder.encode(text)),
    }).catch((thrown) => {
      throw thrown instanceof RangeError ? new BadInput(thrown.message) : thrown;
    });
    const { text, finishReason, metrics } = answer;
    console.log(json ? JSON.stringify(toRecord({ text, finishReason, metrics })) : "");
  },
});
