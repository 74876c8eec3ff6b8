/** Checks the committed notebooks: their rules, and the types of their cells, joined into a temporary module each. */
import { join } from "node:path";
import { brokenRules, joinCells } from "slolab/notebook/cells.ts";
import { NOTEBOOKS, ROOT } from "slolab/notebook/environment.ts";
import { listNotebooks, readNotebook } from "slolab/notebook/notebook.ts";

/**
 * Checks all notebooks of a folder.
 * @param folder also where the temporary modules are, for a moment: imports resolve from there
 * @returns a line for each complaint
 */
export async function checkNotebooks(folder: string): Promise<string[]> {
  const complaints: string[] = [];
  const modules: string[] = [];
  try {
    for (const { name, path } of await listNotebooks(folder)) {
      const notebook = await readNotebook(path);
      complaints.push(...brokenRules(notebook).map((line) => `${name}: ${line}`));
      const module = join(folder, `${name}.cells.${crypto.randomUUID().slice(0, 8)}.ts`);
      modules.push(module);
      await Deno.writeTextFile(module, joinCells(notebook));
    }
    if (modules.length === 0) return [`${folder} holds no notebook`];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", join(ROOT, "deno.json"), ...modules],
      env: { NO_COLOR: "1" },
      cwd: ROOT,
    }).output();
    if (!success) complaints.push(new TextDecoder().decode(stderr).trim());
  } finally {
    await Promise.all(modules.map((path) => Deno.remove(path).catch(() => {})));
  }
  return complaints;
}

if (import.meta.main) {
  const complaints = await checkNotebooks(NOTEBOOKS);
  for (const line of complaints) console.error(line);
  if (complaints.length) Deno.exit(1);
}
