/** An OpenAI-compatible server over one or more variants of a model. */
import { basename } from "node:path";
import { DEFAULT_MODEL } from "slolab/checkpoint/catalogue.ts";
import { VARIANTS } from "slolab/compress/variant.ts";
import { DEVICES } from "slolab/engine/ort.ts";
import { SingleVariantServer } from "slolab/engine/single_variant_server.ts";
import type { ServedModel } from "slolab/serve/answer.ts";
import { createApp } from "slolab/serve/app.ts";
import { listen } from "slolab/serve/listen.ts";
import { type Flags, runCommand } from "slolab/std/cli.ts";
import { FORM_FLAGS, formOf, MEMORY_FLAGS, memoryOf } from "./settings.ts";

const flags = {
  model: {
    type: "string",
    default: DEFAULT_MODEL,
    alias: ["model-name"],
    help: "a name of the catalogue, a hub id (owner/name), a folder or a .gguf file",
  },
  variants: {
    type: "strings",
    choices: VARIANTS,
    default: ["med"],
    help: "served at once",
    alias: ["variant"],
  },
  name: {
    type: "string",
    help: "clients ask for NAME/VARIANT (default: the model's name, without its owner)",
  },
  host: { type: "string", default: "127.0.0.1", help: "address to listen on; 0.0.0.0 is all" },
  port: { type: "integer", default: 8000, min: 0, max: 65_535, help: "0 is any free one" },
  device: { type: "string", choices: DEVICES, default: "cpu", help: "where the models run" },
  ...FORM_FLAGS,
  ...MEMORY_FLAGS,
  "prefix-cache": {
    type: "string",
    choices: ["on", "off"],
    default: "on",
    help: "prompts go on from KV of earlier ones that begin alike",
  },
  "max-queue": {
    type: "integer",
    min: 0,
    default: 256,
    help: "requests that may wait for a slot; more are refused with 429",
  },
  "max-body-mb": { type: "number", min: 0, default: 4, help: "largest request body" },
  "api-key": {
    type: "string",
    help: "what clients must send; $SLOLAB_API_KEY is not seen by other users of the machine",
  },
} satisfies Flags;

await runCommand({
  name: "serve",
  summary: "Serves variants of a model to OpenAI's clients: chat and plain completions, whole or streamed.",
  flags,
  examples: [
    "",
    "--name smollm2 --variants med,cheap --slots 8 --max-queue 64",
    "--model Qwen/Qwen2.5-0.5B-Instruct --host 0.0.0.0 --port 8080",
  ],
  async run({ model, variants, name, host, port, maxQueue, maxBodyMb, apiKey, ...options }) {
    const device = options.device as typeof DEVICES[number];
    await using loaded = new AsyncDisposableStack();
    const models: ServedModel[] = [];
    const distinct = new Set(variants as typeof VARIANTS[number][]);
    const memory = memoryOf(options);
    const shared = {
      ...memory,
      kvMemory: memory.kvMemory === undefined ? undefined : memory.kvMemory / distinct.size,
      kvShare: 0.75 / distinct.size,
      prefixCache: options.prefixCache === "on",
      model,
      device,
      ...formOf(options),
    };
    for (const variant of distinct) {
      const server = loaded.use(new SingleVariantServer({ ...shared, variant }));
      const { engine } = await server.start();
      models.push({ id: `${name ?? basename(model).replace(/\.gguf$/i, "")}/${variant}`, engine });
    }
    const app = createApp({
      models,
      maxQueue,
      maxBodyBytes: maxBodyMb * 2 ** 20,
      apiKey: (apiKey ?? Deno.env.get("SLOLAB_API_KEY")) || undefined,
    });
    await listen((request) => app.fetch(request), {
      hostname: host,
      port,
      onListen: (url) => console.log(`Serving ${models.map((m) => m.id).join(", ")} at ${url}/v1`),
      onDrain: () => console.log("Ending the requests in hand; a second signal stops at once"),
    });
  },
});
