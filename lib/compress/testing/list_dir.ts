/** For tests: what a folder holds. */

/** Names of the files and folders in a folder, sorted; none where it is absent. */
export async function listDir(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) names.push(name);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  return names.sort();
}
