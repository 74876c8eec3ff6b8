/**
 * The cache that slolab and Python's huggingface_hub share:
 *
 * ```
 * datasets--cais--mmlu/
 *   refs/main                                the commit that `main` was
 *   blobs/<etag>                             the bytes, named by ETag (SHA-256 for large files)
 *   snapshots/<commit>/all/test-0...parquet  -> ../../../blobs/<etag> (a copy where links are not allowed)
 * .locks/datasets--cais--mmlu/<etag>.lock    held while a blob is fetched
 * ```
 *
 * A plain mirror names no commit: its snapshot folder bears the asked revision, which Python finds as well.
 * @see https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
import { basename, dirname, join, relative } from "node:path";
import { BadInput } from "../std/errors.ts";
import { sha256, sha256File, writeAtomic } from "../std/files.ts";

export type RepoType = "model" | "dataset";

/** Names one file of a repository. */
export interface HubFile {
  repoType: RepoType;
  /** `owner/name`, or `name` for the few old models without an owner. */
  repo: string;
  /** Branch, tag or commit. */
  revision: string;
  /** Path inside the repository, with `/`. */
  path: string;
}

export interface CachedFile {
  path: string;
  /** The commit, or null where the server named none. */
  revision: string | null;
  sha256: string;
}

const isCommit = (revision: string) => /^[0-9a-f]{40}$/.test(revision);
const isSha256 = (name: string) => /^[0-9a-f]{64}$/.test(name);

/**
 * Refuses names that the hub does not allow; they would also leave the cache folder.
 * @throws {BadInput}
 */
export function checkHubFile({ repo, revision, path }: HubFile): void {
  const safe = (text: string) =>
    /^[\w.+\-/]+$/.test(text) && text.split("/").every((part) => !/^\.{0,2}$/.test(part));
  if (!safe(repo) || repo.split("/").length > 2) {
    throw new BadInput(`Cannot download '${repo}' as a repository must be named owner/name: it is not`);
  }
  for (const [what, text] of [["revision", revision], ["path", path]]) {
    if (!safe(text)) {
      throw new BadInput(
        `Cannot download from ${repo} as the ${what} must be a plain name or path: it is '${text}'`,
      );
    }
  }
}

export class HubCache {
  constructor(readonly dir: string) {}

  #repoName = ({ repoType, repo }: HubFile) => `${repoType}s--${repo.replaceAll("/", "--")}`;
  #repoDir = (file: HubFile) => join(this.dir, this.#repoName(file));

  /** Finds a file that is here already, at the commit that its revision was when it came. */
  async find(file: HubFile): Promise<CachedFile | null> {
    let snapshot = file.revision;
    if (!isCommit(snapshot)) {
      const ref = join(this.#repoDir(file), "refs", file.revision);
      const commit = await Deno.readTextFile(ref).catch(() => "");
      if (isCommit(commit.trim())) snapshot = commit.trim();
    }
    const path = join(this.#repoDir(file), "snapshots", snapshot, file.path);
    const blob = await Deno.realPath(path).catch(() => null);
    if (blob === null) return null;
    const name = basename(blob);
    return {
      path,
      revision: isCommit(snapshot) ? snapshot : null,
      sha256: isSha256(name) ? name : await sha256File(path),
    };
  }

  /** Waits for the right to fetch a blob; other processes, Python's among them, wait while it is held. */
  async lock(file: HubFile, etag: string | null): Promise<Disposable> {
    const dir = join(this.dir, ".locks", this.#repoName(file));
    await Deno.mkdir(dir, { recursive: true });
    const lock = await Deno.open(join(dir, `${etag ?? sha256(file.path)}.lock`), {
      write: true,
      create: true,
    });
    await lock.lock(true);
    return lock;
  }

  /** Where the bytes of a blob are gathered; what is there of a known ETag can be resumed. */
  async partPath(file: HubFile, etag: string | null): Promise<string> {
    const blobs = join(this.#repoDir(file), "blobs");
    await Deno.mkdir(blobs, { recursive: true });
    return join(blobs, `${etag ?? sha256(`${file.revision}/${file.path}`)}.incomplete`);
  }

  /**
   * Takes a fetched file in and points its snapshot there.
   * @param blobName its ETag, or its SHA-256 where the server sent none
   */
  async add(
    file: HubFile,
    part: string,
    blobName: string,
    commit: string | null,
  ): Promise<{ path: string; revision: string | null }> {
    const blob = join(dirname(part), blobName);
    await Deno.rename(part, blob);
    const pointer = join(this.#repoDir(file), "snapshots", commit ?? file.revision, file.path);
    await Deno.mkdir(dirname(pointer), { recursive: true });
    await Deno.remove(pointer).catch(() => {});
    try {
      await Deno.symlink(relative(dirname(pointer), blob), pointer, { type: "file" });
    } catch {
      await Deno.copyFile(blob, pointer);
    }
    if (commit !== null && commit !== file.revision) {
      await writeAtomic(join(this.#repoDir(file), "refs", file.revision), commit);
    }
    return { path: pointer, revision: commit };
  }
}
