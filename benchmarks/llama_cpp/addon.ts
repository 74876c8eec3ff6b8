/**
 * The native bindings of node-llama-cpp 3.21.1, without its JavaScript: its own loop is slower than llama.cpp.
 *
 * They come as one package a platform, which is all that is installed; node-llama-cpp itself would bring the
 * CUDA and Vulkan builds as well (0.7 GB).
 * @see https://github.com/withcatai/node-llama-cpp/blob/v3.21.1/src/bindings/AddonTypes.ts
 */
import { createRequire } from "node:module";
import { join } from "node:path";

export interface AddonModel {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
}

export interface AddonSampler {
  applyConfig(config: { temperature: number }): void;
  dispose(): void;
}

export interface AddonContext {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  getThreads(): number;
  /** Begins a batch of at most so many tokens, at most `batchSize` of the context. */
  initBatch(size: number): void;
  /** Adds tokens of one sequence; gives the batch's rows of logits for those of them that are asked for. */
  addToBatch(sequence: number, firstPosition: number, tokens: Uint32Array, logits: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(row: number, sampler: AddonSampler): Promise<number>;
  disposeSequence(sequence: number): void;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
}

export interface Addon {
  AddonModel: new (path: string, params: { useMmap: boolean; gpuLayers: number }) => AddonModel;
  AddonContext: new (
    model: AddonModel,
    params: {
      /** Of all sequences together; each has an equal part, in multiples of 256. */
      contextSize: number;
      batchSize: number;
      sequences: number;
      flashAttention: boolean;
      threads: number;
    },
  ) => AddonContext;
  AddonSampler: new (model: AddonModel) => AddonSampler;
  init(): Promise<void>;
  loadBackends(folder?: string): void;
  /** Undefined while no backend is loaded. */
  getGpuType(): string | false | undefined;
  /** 2: errors and worse. */
  setLoggerLogLevel(level: number): void;
  setLogger(log: (level: number, message: string) => void): void;
  systemInfo(): string;
}

/** Loads the bindings and the build of llama.cpp's CPU backend that fits this machine best. */
export async function loadAddon(): Promise<Addon> {
  const { os, arch } = Deno.build;
  const system = os === "darwin" ? "mac" : os === "windows" ? "win" : os;
  const cpu = arch === "x86_64" ? "x64" : "arm64";
  const platform = `${system}-${cpu}${os === "darwin" && cpu === "arm64" ? "-metal" : ""}`;
  const { getBinsDir } = await import(`@node-llama-cpp/${platform}`);
  const folder = join(getBinsDir().binsDir, platform);
  const addon: Addon = createRequire(import.meta.url)(join(folder, "llama-addon.node"));
  addon.setLogger((_, message) => console.error(message.trimEnd()));
  addon.setLoggerLogLevel(2);
  addon.loadBackends();
  if (addon.getGpuType() === undefined) addon.loadBackends(folder);
  await addon.init();
  return addon;
}
