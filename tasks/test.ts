/**
 * The one gate: format, lint, types, layers, tests; `--full` runs the heavy tests instead.
 *
 * Quick tests are `*_test.ts`, heavy ones `*_full_test.ts` (real models, Python, a browser, minutes).
 * Ends with the line `N passed, N failed, N skipped`.
 */
import { relative } from "node:path";
import { runCommand } from "slolab/std/cli.ts";
import { ROOT } from "slolab/std/test_support.ts";

/** What tests may do: they talk to loopback and the registries, and start Deno, Python and a browser. */
const TEST_PERMISSIONS = [
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-net",
  "--allow-run",
  "--allow-ffi",
  "--allow-sys",
]; // deno-fmt-ignore-line

async function testFiles(full: boolean, only: string[]): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory && !/^(node_modules|results|\.venv|\.git)$/.test(name)) await walk(path);
      else if (name.endsWith("_test.ts") && name.endsWith("_full_test.ts") === full) {
        found.push(relative(ROOT, path));
      }
    }
  };
  await walk(ROOT.replace(/[\\/]$/, ""));
  return found.filter((f) => only.length === 0 || only.some((o) => f.includes(o))).sort();
}

async function deno(args: string[], onText?: (text: string) => void): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: onText ? "piped" : "inherit",
    stderr: "inherit",
  }).spawn();
  if (onText) {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      await Deno.stdout.write(bytes);
      onText(decoder.decode(bytes, { stream: true }));
    }
  }
  return (await child.status).success;
}

/** Reads the counts of deno test's closing line; steps are part of their test. */
export function countsOf(output: string): { passed: number; failed: number; skipped: number } | null {
  const line = output.match(/^(?:ok|FAILED) \| .*$/gm)?.at(-1);
  if (!line) return null;
  const count = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), skipped: count("ignored") };
}

if (import.meta.main) {
  await runCommand({
    name: "test",
    summary: "Runs format, lint, types, layers and the quick tests; with --full the heavy tests.",
    flags: {
      full: { type: "boolean", help: "run the heavy tests (*_full_test.ts) instead" },
      only: {
        type: "strings",
        help: "only test files whose path contains one of these; skips the other checks",
      },
    },
    examples: ["", "--only lib/engine", "--full --only golden"],
    run: async ({ full, only = [] }) => {
      const failures: string[] = [];
      if (!full && only.length === 0) {
        const gates: [string, string[]][] = [
          ["format", ["fmt", "--check", "--quiet"]],
          ["lint", ["lint", "--quiet"]],
          ["types", ["check", "--quiet", "."]],
          ["layers", [
            "run",
            "--allow-read",
            "--allow-write=.",
            "--allow-run",
            "--allow-env",
            "tasks/check_layers.ts",
          ]],
        ];
        for (const [name, args] of gates) {
          const startedAt = performance.now();
          const ok = await deno(args);
          console.log(
            `${name}: ${ok ? "ok" : "FAILED"} (${((performance.now() - startedAt) / 1000).toFixed(1)}s)`,
          );
          if (!ok) failures.push(name);
        }
      }
      let output = "";
      const files = await testFiles(full, only);
      const args = ["test", "--no-check", ...TEST_PERMISSIONS, ...files];
      const ok = files.length > 0 && await deno(args, (text) => output += text);
      const counts = countsOf(output) ?? { passed: 0, failed: 0, skipped: 0 };
      if (!ok && counts.failed === 0) failures.push("tests");
      for (const name of failures) console.log(`FAILED: ${name}`);
      console.log(
        `${counts.passed} passed, ${counts.failed + failures.length} failed, ${counts.skipped} skipped`,
      );
      if (!ok || failures.length) Deno.exit(1);
    },
  });
}
