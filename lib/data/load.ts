/** One call for every command: gives the questions, making them where they are not there yet. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { BadInput, messageOf } from "../std/errors.ts";
import { say } from "../std/progress.ts";
import { HubUnreachable } from "./hub.ts";
import type { Manifest } from "./manifest.ts";
import { DataPreprocessor, type PreprocessorOptions } from "./preprocessor.ts";
import { type ProcessedData, readManifest, readProcessed } from "./processed.ts";
import { SampleSource } from "./raw_source.ts";

/** The repository's `data` folder. */
export const DATA_DIR = fileURLToPath(new URL("../../data", import.meta.url));

export interface LoadOptions extends Omit<PreprocessorOptions, "outputDir"> {
  /** Default `data/processed`. */
  outputDir?: string;
  /** Makes the files anew where they exist. */
  preprocess?: boolean;
  /** The project's own questions, taken where the hub is out of reach (default `data/sample`). */
  sampleDir?: string;
}

export type LoadedData = ProcessedData;

/**
 * Gives the processed questions: those that exist, else made from rawDir or from the hub and its cache, else,
 * where the hub is out of reach, from the project's own sample, which has a folder of its own.
 * @throws {BadInput} where existing files are damaged or were made in another way than asked for.
 */
export async function loadOrBuild(options: LoadOptions = {}): Promise<LoadedData> {
  const { outputDir = join(DATA_DIR, "processed"), sampleDir = join(DATA_DIR, "sample"), onLine = say } =
    options;
  if (!options.preprocess) {
    const manifest = await readManifest(outputDir);
    if (manifest !== null) {
      checkMadeAsAsked(outputDir, manifest, options);
      return await readProcessed(outputDir, manifest);
    }
  }
  try {
    return await new DataPreprocessor({ ...options, outputDir, onLine }).runPipeline();
  } catch (thrown) {
    if (!(thrown instanceof HubUnreachable)) throw thrown;
    onLine(`  ${messageOf(thrown)}`);
    onLine(
      `  Using the sample of ${
        relative(".", sampleDir)
      } instead: the results are not those of MMLU and GSM8K`,
    );
    return await loadSample(options);
  }
}

/** Gives the project's own questions, processed into a folder of their own. */
export function loadSample(options: LoadOptions = {}): Promise<LoadedData> {
  const { sampleDir = join(DATA_DIR, "sample"), onLine = say } = options;
  return new DataPreprocessor({
    ...options,
    source: new SampleSource(sampleDir),
    outputDir: join(sampleDir, "processed"),
    onLine,
  }).runPipeline();
}

/** Refuses files that other flags made, rather than answering with other questions than asked for. */
function checkMadeAsAsked(dir: string, manifest: Manifest, { seed, gsm8kSplits, rawDir }: LoadOptions): void {
  const refuse = (rule: string, state: string) => {
    throw new BadInput(
      `Cannot use ${dir} as it must be made ${rule}: it was made ${state}; --preprocess makes it anew`,
    );
  };
  if (seed !== undefined && seed !== manifest.seed) refuse(`with seed ${seed}`, `with seed ${manifest.seed}`);
  const listed = (splits: readonly string[]) => splits.toSorted().join(",");
  if (gsm8kSplits !== undefined && listed(gsm8kSplits) !== listed(manifest.gsm8k_splits)) {
    refuse(`from GSM8K ${listed(gsm8kSplits)}`, `from ${listed(manifest.gsm8k_splits)}`);
  }
  const inRawDir = (location: string) => !relative(rawDir!, location).startsWith("..");
  if (rawDir !== undefined && !manifest.sources.every((s) => s.from === "folder" && inRawDir(s.location))) {
    refuse(`from ${rawDir}`, `from ${manifest.sources[0].location}`);
  }
}
