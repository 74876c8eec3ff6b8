/**
 * The one gate: format, lint, types, layers, notebooks, tests; `--full` runs the heavy tests instead.
 *
 * Quick tests are `*_test.ts`, heavy ones `*_full_test.ts` (real models, Python, a browser, minutes).
 * Ends with the line `N passed, N failed, N skipped`, where a check that fails counts as one.
 */
import { join, relative } from "node:path";
import { runCommand } from "slolab/std/cli.ts";
import { ROOT } from "slolab/std/test_support.ts";
import { setUp } from "./test_setup.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What runs before the quick tests: its name, and the arguments of Deno. */
const CHECKS: Record<string, string[]> = {
  format: ["fmt", "--check", "--quiet"],
  lint: ["lint", "--quiet"],
  types: ["check", "--quiet", "."],
  layers: [
    "run",
    "--allow-read",
    "--allow-write",
    "--allow-env=SLOLAB_SHARED",
    "--allow-run",
    "tasks/check_layers.ts",
  ],
  notebooks: [
    "run",
    "--allow-read",
    "--allow-write",
    "--allow-run",
    "tasks/check_notebooks.ts",
  ],
};

/** Tests talk to loopback and the registries, load native code, and start Deno, Python and a browser. */
const TEST_PERMISSIONS = ["read", "write", "env", "net", "run", "ffi", "sys"].map((name) =>
  `--allow-${name}`
);

async function testFiles(root: string, full: boolean, only: string[]): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory && !/^(node_modules|results|\.venv|\.git)$/.test(name)) await walk(path);
      else if (name.endsWith("_test.ts") && name.endsWith("_full_test.ts") === full) {
        found.push(relative(root, path));
      }
    }
  };
  await walk(root);
  return found.filter((f) => only.length === 0 || only.some((o) => f.includes(o))).sort();
}

async function deno(root: string, args: string[], onText?: (text: string) => void): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: onText ? "piped" : "inherit",
    stderr: "inherit",
  }).spawn();
  if (onText) {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) onText(decoder.decode(bytes, { stream: true }));
  }
  return (await child.status).success;
}

/** Reads the counts of deno test's closing line, or gives null where there is none; steps are part of their test. */
export function countsOf(output: string): Counts | null {
  const line = output.match(/^(?:ok|FAILED) \| \d+ passed .*\d+ failed.*$/gm)?.at(-1);
  if (!line) return null;
  const count = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), skipped: count("ignored") };
}

/**
 * Runs all checks, then all tests, whatever fails before.
 * @returns the tests' counts, with one more failure for each check that fails and for tests that end early
 */
export async function runGate(
  o: { root: string; checks: Record<string, string[]>; full: boolean; only: string[] },
  print: (text: string) => void,
): Promise<Counts> {
  const failures: string[] = [];
  for (const [name, args] of Object.entries(o.checks)) {
    const startedAt = performance.now();
    const ok = await deno(o.root, args);
    if (!ok) failures.push(name);
    print(`${name}: ${ok ? "ok" : "FAILED"} (${((performance.now() - startedAt) / 1000).toFixed(1)}s)\n`);
  }
  const files = await testFiles(o.root, o.full, o.only);
  let output = "";
  const ok = files.length > 0 &&
    await deno(o.root, ["test", "--no-check", ...TEST_PERMISSIONS, ...files], (text) => {
      output += text;
      print(text);
    });
  const counts = countsOf(output) ?? { passed: 0, failed: 0, skipped: 0 };
  if (!ok && counts.failed === 0) {
    failures.push(files.length ? "tests, which ended early" : "tests: none found");
  }
  for (const name of failures) print(`FAILED: ${name}\n`);
  return { ...counts, failed: counts.failed + failures.length };
}

if (import.meta.main) {
  await runCommand({
    name: "test",
    summary:
      "Runs format, lint, types, layers, the notebooks' cells and the quick tests; with --full the heavy tests.",
    flags: {
      full: { type: "boolean", help: "set up and run the heavy tests (*_full_test.ts) instead" },
      only: {
        type: "strings",
        help: "only test files whose path contains one of these; skips checks and set-up",
      },
    },
    examples: ["", "--only lib/engine", "--full --only golden"],
    run: async ({ full, only = [] }) => {
      const whole = only.length === 0;
      if (full && whole) await setUp();
      const encoder = new TextEncoder();
      const { passed, failed, skipped } = await runGate(
        { root: join(ROOT, "."), checks: whole && !full ? CHECKS : {}, full, only },
        (text) => Deno.stdout.writeSync(encoder.encode(text)),
      );
      console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
      if (failed > 0) Deno.exit(1);
    },
  });
}
