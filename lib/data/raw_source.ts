/** Where raw questions come from: the hub (or its cache), a folder of files, or the project's own sample. */
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJsonl, sha256File } from "../std/files.ts";
import { Progress } from "../std/progress.ts";
import type { Benchmark, Row } from "./benchmark.ts";
import { HubClient } from "./hub.ts";
import { readParquet } from "./parquet.ts";

/** Where the rows of a split came from, as the manifest tells it. */
export interface Origin {
  from: "hub" | "folder" | "sample";
  /** `owner/name/path` on the hub, or the path of a file. */
  location: string;
  /** The hub's commit; null where it is unknown. */
  revision: string | null;
  sha256: string;
}

export interface RawSplit {
  /** Names the split in ids: its own name, `sample` or `sample_dev`. */
  label: string;
  rows: readonly Row[];
  origin: Origin;
}

export interface RawSource {
  readonly kind: Origin["from"];
  /**
   * Reads one split of a benchmark.
   * @throws {Deno.errors.NotFound} where the source does not have it.
   */
  read(benchmark: Benchmark, split: string): Promise<RawSplit>;
}

const parquetName = (split: string) => `${split}-00000-of-00001.parquet`;

/** The hub's Parquet files, through its cache. */
export class HubSource implements RawSource {
  readonly kind = "hub";
  constructor(readonly hub: HubClient = new HubClient()) {}

  async read({ repo, config }: Benchmark, split: string): Promise<RawSplit> {
    const path = `${config}/${parquetName(split)}`;
    let progress: Progress | undefined;
    const file = await this.hub.download({
      repoType: "dataset",
      repo,
      path,
      onProgress: (bytes, total) => {
        progress ??= new Progress({
          label: `${repo} ${split}`,
          total: total ?? undefined,
          every: 10e6,
          format: (count) => `${(count / 1e6).toFixed(1)} MB`,
        });
        progress.update(bytes);
      },
    });
    progress?.finish();
    const { revision, sha256 } = file;
    return {
      label: split,
      rows: await readParquet(file.path),
      origin: { from: this.kind, location: `${repo}/${path}`, revision, sha256 },
    };
  }
}

/** A folder with `mmlu/` and `gsm8k/`, each with the hub's files or `<split>.parquet` or `<split>.jsonl`. */
export class FolderSource implements RawSource {
  readonly kind = "folder";
  constructor(readonly dir: string) {}

  async read({ name, config }: Benchmark, split: string): Promise<RawSplit> {
    const names = [
      join(config, parquetName(split)),
      parquetName(split),
      `${split}.parquet`,
      `${split}.jsonl`,
    ];
    for (const path of names.map((n) => join(this.dir, name, n))) {
      if (!await exists(path)) continue;
      return {
        label: split,
        rows: path.endsWith(".jsonl") ? await readJsonl(path) : await readParquet(path),
        origin: { from: this.kind, location: path, revision: null, sha256: await sha256File(path) },
      };
    }
    if (!await exists(this.dir)) {
      throw new BadInput(`Cannot read raw data as its folder must exist: there is no ${this.dir}`);
    }
    throw new Deno.errors.NotFound(
      `Cannot read ${name} ${split} as ${join(this.dir, name)} must hold ${names.join(" or ")}: it does not`,
    );
  }
}

/** `data/sample`: `mmlu.jsonl` is asked, `mmlu_dev.jsonl` shown; likewise `gsm8k.jsonl` and `gsm8k_train.jsonl`. */
export class SampleSource implements RawSource {
  readonly kind = "sample";
  constructor(readonly dir: string) {}

  async read({ name, questionSplits }: Benchmark, split: string): Promise<RawSplit> {
    const suffix = split === questionSplits[0] ? "" : `_${split}`;
    const path = join(this.dir, `${name}${suffix}.jsonl`);
    return {
      label: `sample${suffix}`,
      rows: await readJsonl(path),
      origin: {
        from: this.kind,
        location: `sample/${name}${suffix}.jsonl`,
        revision: null,
        sha256: await sha256File(path),
      },
    };
  }
}
