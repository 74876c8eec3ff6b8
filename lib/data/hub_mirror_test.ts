/** The real benchmarks from the mirror in ../shared, over the real download code. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sharedTest } from "../std/test_support.ts";
import { groupBy, questionKey } from "./duplicates.ts";
import { HubClient } from "./hub.ts";
import { DataPreprocessor } from "./preprocessor.ts";
import { HubSource } from "./raw_source.ts";
import { SPLITS } from "./split.ts";
import { HubServer } from "./testing/hub_server.ts";
import { TempDir } from "./testing/temp.ts";

sharedTest("MMLU and GSM8K come whole from a plain mirror, and split as promised", async (shared) => {
  await using temp = await TempDir.make();
  const lines: string[] = [];
  const cacheDir = join(temp.path, "hub");
  const outputDir = join(temp.path, "processed");
  const build = (endpoint: string, offline: boolean) =>
    new DataPreprocessor({
      source: new HubSource(new HubClient({ endpoint, offline, cacheDir })),
      outputDir,
      onLine: (line) => lines.push(line),
    }).runPipeline();

  await using server = new HubServer({ files: join(shared, "hub"), etag: false });
  const data = await build(server.url, false);
  assert.match(lines.join("\n"), /Left out mmlu validation: .*404/);
  const counts = data.manifest.counts;
  assert.deepEqual(counts, {
    mmlu: { total: 14_042, train: 8_426, val: 2_808, test: 2_808, few_shot: 285, duplicates: 105 },
    gsm8k: { total: 1_319, train: 791, val: 264, test: 264, few_shot: 7_473, duplicates: 0 },
  });
  assert.deepEqual(data.manifest.sources.map((s) => s.revision), Array(4).fill("unknown"));

  const all = SPLITS.flatMap((split) => data[split]);
  const byCategory = groupBy(all.filter((e) => e.dataset === "mmlu"), (e) => e.category!);
  assert.deepEqual(
    ["STEM", "humanities", "social sciences", "other"].map((c) => byCategory.get(c)?.length),
    [3_018, 4_705, 3_077, 3_242],
  );
  const repeated = [...groupBy(all, questionKey).values()].filter((group) => group.length > 1);
  const inOneSubject = repeated.filter((group) => new Set(group.map((e) => e.subject)).size === 1);
  assert.deepEqual([repeated.length, inOneSubject.length], [105, 27]);
  for (const split of SPLITS) {
    const own = new Set(data[split]);
    assert.ok(repeated.every((group) => group.every((e) => own.has(e) === own.has(group[0]))), split);
    assert.equal(new Set(data[split].filter((e) => e.dataset === "mmlu").map((e) => e.subject)).size, 57);
  }
  const asked = new Set(all.map((e) => e.id));
  assert.ok([...data.fewShot.mmlu.values(), data.fewShot.gsm8k].flat().every((e) => !asked.has(e.id)));
  assert.ok([...data.fewShot.mmlu.values()].every((shots) => shots.length === 5));

  const gets = server.count("GET");
  const again = await build(server.url, true);
  assert.equal(server.count("GET"), gets, "the cache alone serves a second build");
  assert.deepEqual(again.manifest.files, data.manifest.files);
});
