import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, readJsonl, sha256File, writeJsonl } from "../std/files.ts";
import { ROOT } from "../std/test_support.ts";
import { questionKey } from "./duplicates.ts";
import { HubClient } from "./hub.ts";
import { type LoadOptions, loadOrBuild } from "./load.ts";
import type { Manifest } from "./manifest.ts";
import { HubSource } from "./raw_source.ts";
import { SPLITS } from "./split.ts";
import { TempDir } from "./testing/temp.ts";

const SAMPLE_FILES = ["mmlu.jsonl", "mmlu_dev.jsonl", "gsm8k.jsonl", "gsm8k_train.jsonl"];

/** A raw folder with the sample's questions, so that tests need no benchmark. */
async function makeRawDir(dir: string): Promise<string> {
  const sample = (name: string) => readJsonl(join(ROOT, "data", "sample", name));
  const [mmlu, dev, gsm8k, train] = await Promise.all(SAMPLE_FILES.map(sample));
  await writeJsonl(join(dir, "mmlu", "test.jsonl"), mmlu);
  await writeJsonl(join(dir, "mmlu", "dev.jsonl"), dev);
  await writeJsonl(join(dir, "gsm8k", "test.jsonl"), gsm8k.slice(0, 40));
  await writeJsonl(join(dir, "gsm8k", "train.jsonl"), [...gsm8k.slice(40), ...train]);
  return dir;
}

async function makeSampleDir(dir: string): Promise<string> {
  await Deno.mkdir(dir);
  for (const name of SAMPLE_FILES) await Deno.copyFile(join(ROOT, "data", "sample", name), join(dir, name));
  return dir;
}

interface Setup {
  rawDir: string;
  outputDir: string;
  sampleDir: string;
  lines: string[];
  load: (options?: LoadOptions) => ReturnType<typeof loadOrBuild>;
}

/** A hub that is out of reach, with nothing cached. */
const noHub = (cacheDir: string) => new HubSource(new HubClient({ offline: true, cacheDir }));

function loadTest(name: string, run: (s: Setup) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await TempDir.make();
    const lines: string[] = [];
    const at = (folder: string) => join(temp.path, folder);
    const folders = { outputDir: at("processed"), sampleDir: await makeSampleDir(at("sample")) };
    await run({
      ...folders,
      rawDir: await makeRawDir(at("raw")),
      lines,
      load: (o) => loadOrBuild({ ...folders, onLine: (line) => lines.push(line), ...o }),
    });
  });
}

loadTest("loadOrBuild() makes the files from rawDir and reports the split that is not there", async (s) => {
  const data = await s.load({ rawDir: s.rawDir });
  assert.equal(data.isSample, false);
  assert.equal(data.train.length + data.val.length + data.test.length, 154);
  assert.deepEqual([data.fewShot.mmlu.size, data.fewShot.gsm8k.length], [57, 28]);
  assert.deepEqual(data.manifest.missing.map((m) => [m.dataset, m.split]), [["mmlu", "validation"]]);
  assert.match(s.lines.join("\n"), /Left out mmlu validation: .*validation/);
});

loadTest("a record has exactly the seed's fields first, then id, category, choices, solution", async (s) => {
  await s.load({ rawDir: s.rawDir });
  const fields = async (name: string) => Object.keys((await readJsonl(join(s.outputDir, name)))[0]);
  const first = [
    "dataset",
    "prompt",
    "answer",
    "subject",
    "difficulty",
    "input_length",
    "output_length",
    "id",
  ];
  assert.deepEqual(await fields("mmlu_processed.jsonl"), [...first, "category", "choices"]);
  assert.deepEqual(await fields("gsm8k_processed.jsonl"), [...first, "solution"]);
});

loadTest("the manifest holds counts, hashes, seed, sources and versions that are true", async (s) => {
  const { manifest } = await s.load({ rawDir: s.rawDir, seed: 7, templateVersions: { mmlu: "mmlu-9" } });
  assert.deepEqual(await readJson(join(s.outputDir, "manifest.json")), JSON.parse(JSON.stringify(manifest)));
  assert.deepEqual([manifest.seed, manifest.is_sample, manifest.versions.template], [7, false, {
    mmlu: "mmlu-9",
  }]);
  const { train, val, test, total } = manifest.counts.mmlu;
  assert.deepEqual([total, train + val + test, val], [114, 114, 23]);
  assert.deepEqual(Object.keys(manifest.files).sort(), [
    "gsm8k_fewshot.jsonl",
    "gsm8k_processed.jsonl",
    "mmlu_fewshot.jsonl",
    "mmlu_processed.jsonl",
    "summary.csv",
    "test_data.jsonl",
    "train_data.jsonl",
    "val_data.jsonl",
  ]);
  for (const [name, { sha256 }] of Object.entries(manifest.files)) {
    assert.equal(await sha256File(join(s.outputDir, name)), sha256, name);
  }
  for (const { location, sha256 } of manifest.sources) assert.equal(await sha256File(location), sha256);
});

loadTest("summary.csv counts every record once", async (s) => {
  await s.load({ rawDir: s.rawDir });
  const [header, ...rows] = (await Deno.readTextFile(join(s.outputDir, "summary.csv"))).trim().split("\n");
  assert.equal(
    header,
    "dataset,subject,difficulty,split,count,input_tokens_mean,input_tokens_p95,output_tokens_mean,output_tokens_p95",
  );
  const counts = rows.map((row) => Number(row.split(",")[4]));
  assert.equal(counts.reduce((a, b) => a + b), 154);
});

loadTest("loadOrBuild() reads existing files again, without any source", async (s) => {
  const made = await s.load({ rawDir: s.rawDir });
  await Deno.remove(s.rawDir, { recursive: true });
  const read = await s.load();
  assert.deepEqual(read, { ...made, manifest: JSON.parse(JSON.stringify(made.manifest)) });
});

loadTest("an option that is undefined is one that was not given", async (s) => {
  const given = { seed: undefined, gsm8kSplits: undefined, templateVersions: undefined, source: undefined };
  const { manifest } = await s.load({ ...given, rawDir: s.rawDir });
  assert.deepEqual([manifest.seed, manifest.gsm8k_splits], [42, ["test"]]);
  await s.load(given);
});

loadTest("the same input makes the same files", async (s) => {
  const hashes = async () => (await s.load({ rawDir: s.rawDir, preprocess: true })).manifest.files;
  assert.deepEqual(await hashes(), await hashes());
});

loadTest("--gsm8k-splits test,train asks train and holds a tenth of it out", async (s) => {
  const { manifest, fewShot, train, val, test } = await s.load({
    rawDir: s.rawDir,
    gsm8kSplits: ["test", "train"],
  });
  assert.deepEqual([manifest.counts.gsm8k.total, fewShot.gsm8k.length], [65, 3]);
  const asked = new Set([train, val, test].flat().map(questionKey));
  assert.ok(
    fewShot.gsm8k.every((shot) => shot.id.startsWith("gsm8k/train/") && !asked.has(questionKey(shot))),
  );
});

loadTest("loadOrBuild() takes the sample where the hub is out of reach, and says so", async (s) => {
  const data = await s.load({ source: noHub(join(s.outputDir, "hub")) });
  assert.equal(data.isSample, true);
  assert.equal(data.manifest.is_sample, true);
  assert.equal(data.dir, join(s.sampleDir, "processed"));
  assert.match(
    s.lines.join("\n"),
    /hub must be reachable: HF_HUB_OFFLINE is set\n.*Using the sample.*not those of MMLU/,
  );
  assert.ok(data.test.every((e) => /^(mmlu|gsm8k)\/sample\//.test(e.id)));
  assert.equal(data.fewShot.mmlu.size, 57);
  assert.ok(SPLITS.every((split) => data[split].some((e) => e.dataset === "gsm8k")));
});

loadTest("the sample never replaces real data, and a rebuild without the hub keeps them", async (s) => {
  const real = await s.load({ rawDir: s.rawDir });
  const data = await s.load({ source: noHub(join(s.sampleDir, "hub")), preprocess: true });
  assert.equal(data.isSample, true);
  assert.deepEqual((await s.load()).manifest.files, real.manifest.files);
});

loadTest("a rawDir that is not there is the user's to mend, not a reason for the sample", async (s) => {
  await assert.rejects(() => s.load({ rawDir: join(s.rawDir, "nowhere") }), BadInput);
  await Deno.remove(join(s.rawDir, "gsm8k"), { recursive: true });
  await assert.rejects(
    () => s.load({ rawDir: s.rawDir }),
    (e) => e instanceof BadInput && /Cannot preprocess gsm8k .*splits test/.test(e.message),
  );
  assert.equal(await exists(s.outputDir), false, "nothing half done is left");
});

for (
  const [what, damage, message] of [
    ["a cut line", (text: string) => text.slice(0, -20), /train_data\.jsonl .*line 92.*deno task preprocess/],
    ["a changed answer", (text: string) => text.replace('"answer":"', '"answer":"9'), /train_data.*SHA-256/],
    [
      "a line that is no record",
      (text: string) => text + '{"question":"?"}\n',
      /record 93 has no valid dataset/,
    ],
  ] as [string, (text: string) => string, RegExp][]
) {
  loadTest(`loadOrBuild() names the file with ${what} in one line`, async (s) => {
    await s.load({ rawDir: s.rawDir });
    const path = join(s.outputDir, "train_data.jsonl");
    await Deno.writeTextFile(path, damage(await Deno.readTextFile(path)));
    await assert.rejects(
      () => s.load(),
      (e) => e instanceof BadInput && message.test(e.message) && !e.message.includes("\n"),
    );
    await s.load({ rawDir: s.rawDir, preprocess: true });
    await s.load();
  });
}

loadTest("loadOrBuild() names a manifest that is none, and --preprocess mends it", async (s) => {
  await s.load({ rawDir: s.rawDir });
  const path = join(s.outputDir, "manifest.json");
  for (const text of ["{", "null", '{"format_version": 0}']) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(
      () => s.load(),
      (e) => e instanceof BadInput && e.message.includes("deno task preprocess"),
    );
  }
  await s.load({ rawDir: s.rawDir, preprocess: true });
  await s.load();
});

loadTest("loadOrBuild() refuses a data set without test records", async (s) => {
  await s.load({ rawDir: s.rawDir });
  const path = join(s.outputDir, "test_data.jsonl");
  await Deno.writeTextFile(path, "");
  const manifest = await readJson<Manifest>(join(s.outputDir, "manifest.json"));
  manifest.files["test_data.jsonl"].sha256 = await sha256File(path);
  await Deno.writeTextFile(join(s.outputDir, "manifest.json"), JSON.stringify(manifest));
  await assert.rejects(
    () => s.load(),
    (e) => e instanceof BadInput && /test_data\.jsonl .*none/.test(e.message),
  );
});

loadTest("loadOrBuild() refuses files that were made in another way than asked for", async (s) => {
  await s.load({ rawDir: s.rawDir, seed: 1 });
  await s.load({ rawDir: s.rawDir, seed: 1, gsm8kSplits: ["test"] });
  for (const other of [{ seed: 2 }, { gsm8kSplits: ["test", "train"] as const }, { rawDir: s.sampleDir }]) {
    await assert.rejects(() => s.load(other), (e) => e instanceof BadInput && /--preprocess/.test(e.message));
  }
});
