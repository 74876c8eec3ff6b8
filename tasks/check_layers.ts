/**
 * Fails on an import that goes against the layers of lib/: each layer imports only from itself and from those
 * before it in LAYERS. Only lib/engine may import ONNX Runtime; tests may also import what they compare with.
 */
import { relative } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "slolab/std/test_support.ts";

const LAYERS = [
  "std",
  "types",
  "math",
  "endpoint",
  "data",
  "prompts",
  "checkpoint",
  "compress",
  "engine",
  "serve",
  "load",
  "metrics",
  "eval",
  "route",
  "sim",
  "report",
  "pipeline",
  "notebook",
]; // deno-fmt-ignore-line

interface Module {
  specifier: string;
  local?: string;
  dependencies?: { specifier: string; code?: { specifier?: string }; type?: { specifier?: string } }[];
}

/** The layer of a file under lib/, or null for one outside it. */
function layerOf(url: string): string | null {
  const path = url.startsWith("file:") ? relative(ROOT, decodeURIComponent(new URL(url).pathname)) : "";
  return /^lib[\\/]([^\\/]+)[\\/]/.exec(path)?.[1] ?? null;
}

/** Gives one line for each import that breaks a rule. */
export function violations(modules: Module[]): string[] {
  const lines: string[] = [];
  for (const { specifier: from, dependencies = [] } of modules) {
    const layer = layerOf(from);
    if (layer === null) continue;
    const file = relative(ROOT, decodeURIComponent(new URL(from).pathname));
    const rank = LAYERS.indexOf(layer);
    if (rank < 0) {
      lines.push(`${file}: lib/${layer} is not a layer; add it to LAYERS in tasks/check_layers.ts`);
    }
    for (const { specifier, code, type } of dependencies) {
      const to = code?.specifier ?? type?.specifier ?? specifier;
      if (specifier.startsWith("onnxruntime-node") && layer !== "engine") {
        lines.push(`${file}: only lib/engine imports ONNX Runtime`);
      }
      const target = layerOf(to);
      if (target === null) {
        if (to.startsWith("file:") && !to.includes("/node_modules/") && !to.endsWith("/deno.json")) {
          lines.push(`${file}: lib imports nothing outside lib: ${relative(ROOT, new URL(to).pathname)}`);
        }
      } else if (LAYERS.indexOf(target) > rank) {
        lines.push(`${file}: ${layer} may not import ${target}: it stands after it`);
      }
    }
  }
  return lines;
}

if (import.meta.main) {
  const files: string[] = [];
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (entry.name.endsWith(".ts") && !entry.name.endsWith("_test.ts")) files.push(path);
    }
  };
  await walk(`${ROOT}lib`);
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, files.map((f) => `import "${pathToFileURL(f)}";\n`).join(""));
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", `${ROOT}deno.json`, entry],
      cwd: ROOT,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: Module[] };
    const lines = violations(modules);
    for (const line of lines) console.error(line);
    console.log(`layers: ${files.length} files, ${lines.length} violations`);
    if (lines.length) Deno.exit(1);
  } finally {
    await Deno.remove(entry);
  }
}
