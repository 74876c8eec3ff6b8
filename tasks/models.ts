/** Lists, sizes and removes what the cache holds. */
import { listCache, removeFromCache } from "slolab/compress/cache.ts";
import { runCommand } from "slolab/std/cli.ts";
import { slolabCacheDir } from "slolab/std/files.ts";

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

await runCommand({
  name: "models",
  summary: "Lists the models and variants in the cache with their sizes, or removes some.",
  flags: {
    remove: { type: "strings", help: "keys of what to remove, as the list gives them" },
    json: { type: "boolean", help: "one JSON document instead of the table" },
  },
  examples: ["", "--remove smollm2-135m-instruct-cheap-blocks-7c225463d0ff"],
  run: async ({ remove = [], json }) => {
    const removed = [];
    for (const key of remove) removed.push(await removeFromCache(key));
    const entries = await listCache();
    if (json) {
      console.log(JSON.stringify({ folder: slolabCacheDir(), entries, removed }, null, 2));
      return;
    }
    for (const { key, bytes } of removed) console.log(`Removed ${key} (${megabytes(bytes)})`);
    console.log(`${slolabCacheDir()}: ${megabytes(entries.reduce((sum, e) => sum + e.bytes, 0))}`);
    for (const { kind, key, bytes } of entries) {
      console.log(`${kind.padEnd(9)}${megabytes(bytes).padStart(12)}  ${key}`);
    }
  },
});
