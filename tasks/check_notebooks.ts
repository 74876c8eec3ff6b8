/** Checks the committed notebooks: their rules, and the types of their cells, joined into a module each. */
import { join } from "node:path";
import { brokenRules, joinCells } from "slolab/notebook/cells.ts";
import { NOTEBOOKS, ROOT } from "slolab/notebook/environment.ts";
import { listNotebooks, readNotebook } from "slolab/notebook/notebook.ts";

/**
 * Checks all notebooks of a folder.
 * @returns a line for each complaint
 */
export async function checkNotebooks(folder: string): Promise<string[]> {
  const complaints: string[] = [];
  const modules = await Deno.makeTempDir();
  try {
    const notebooks = await listNotebooks(folder);
    if (notebooks.length === 0) return [`${folder} holds no notebook`];
    for (const { name, path } of notebooks) {
      const notebook = await readNotebook(path);
      complaints.push(...brokenRules(notebook).map((line) => `${name}: ${line}`));
      await Deno.writeTextFile(join(modules, `${name}.ts`), joinCells(notebook));
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", join(ROOT, "deno.json"), modules],
      env: { NO_COLOR: "1" },
      cwd: ROOT,
    }).output();
    if (!success) complaints.push(new TextDecoder().decode(stderr).trim());
  } finally {
    await Deno.remove(modules, { recursive: true });
  }
  return complaints;
}

if (import.meta.main) {
  const complaints = await checkNotebooks(NOTEBOOKS);
  for (const line of complaints) console.error(line);
  if (complaints.length) Deno.exit(1);
}
