import assert from "node:assert/strict";
import { join } from "node:path";
import { SMALL_LLAMA, smallLlamaTensors, writeFolder } from "slolab/checkpoint/testing/write_checkpoint.ts";
import { ROOT } from "slolab/std/test_support.ts";

/** Runs commands over a small model and a cache of their own. */
async function inLab(
  run: (lab: { model: string; deno: (...args: string[]) => Promise<Outcome> }) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const model = join(dir, "small");
    await writeFolder(model, SMALL_LLAMA, smallLlamaTensors());
    await run({ model, deno: (...args) => task(args, join(dir, "cache")) });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function task(args: string[], cache: string): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", XDG_CACHE_HOME: cache },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("compress builds each variant once, models lists and removes them", () =>
  inLab(async ({ model, deno }) => {
    const first = await deno("compress", "--model", model, "--json");
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    const { variants, source, peak_rss_mb } = JSON.parse(first.stdout);
    assert.deepEqual(variants.map((v: { variant: string }) => v.variant), ["base", "med", "cheap"]);
    assert.equal(variants.every((v: { seconds: number }) => v.seconds > 0), true);
    assert.deepEqual([source.kind, source.location, source.bits_per_weight], ["path", model, 32]);
    assert.ok(peak_rss_mb > 20);

    const again = await deno("compress", "--model", model, "--variants", "med");
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, new RegExp(`^Source: ${model} \\(path\\), SHA-256 ${source.sha256}\n`));
    assert.match(again.stdout, /^ +med +0\.1 +9\.81 +0\.\d+% +there already +blocks {2}\//m);

    const cheapWith = async (...flags: string[]) => {
      const outcome = await deno("compress", "--model", model, "--variants", "cheap", "--json", ...flags);
      assert.equal(outcome.code, 0, outcome.stderr);
      return JSON.parse(outcome.stdout).variants[0].form;
    };
    assert.equal(await cheapWith("--form", "rows8"), "rows8");
    assert.equal(await cheapWith("--form", "auto", "--no-tune"), "blocks");
    const unknown = await deno("compress", "--model", model, "--form", "rows9");
    assert.equal(unknown.code, 2);
    assert.match(
      unknown.stderr,
      /^compress: Cannot use --form as it must be one of auto, blocks, [^\n]+rows9'\n$/,
    );

    const listed = JSON.parse((await deno("models", "--json")).stdout);
    assert.equal(listed.entries.length, 3);
    const [{ key }] = listed.entries;
    const removal = await deno("models", "--remove", key);
    assert.match(removal.stdout, new RegExp(`^Removed ${key} \\(`));
    assert.equal(removal.stdout.split("\n").filter((line) => line.startsWith("variant")).length, 2);
    const twice = await deno("models", "--remove", key);
    assert.equal(twice.code, 2);
    assert.match(twice.stderr, /^models: Cannot remove '[^\n]+\n$/);
  }));

Deno.test("compress of a damaged checkpoint gives one line and exit code 2, and leaves no variant", () =>
  inLab(async ({ model, deno }) => {
    const file = join(model, "model.safetensors");
    await Deno.truncate(file, (await Deno.stat(file)).size - 8);
    const { code, stderr } = await deno("compress", "--model", model, "--json");
    assert.equal(code, 2);
    assert.match(stderr, /^compress: Cannot [^\n]*cut off[^\n]*\n$/);
    assert.deepEqual(JSON.parse((await deno("models", "--json")).stdout).entries, []);
  }));
