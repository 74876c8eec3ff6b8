import assert from "node:assert/strict";
import { join } from "node:path";
import { DEFAULT_THRESHOLDS } from "../../metrics/mod.ts";
import { findChromium } from "../../std/test_browser.ts";
import { inTemp, needsTest } from "../../std/test_support.ts";
import { writeTestRun } from "../testing/run.ts";
import { compareRuns, comparisonPage } from "./mod.ts";

const CHROMIUM = findChromium();

needsTest(
  "the comparison's page opens from disk and shows its chart",
  CHROMIUM === null ? "no Chromium here (apt-get install chromium)" : null,
  () =>
    inTemp(async (dir) => {
      const [a, b, path] = ["a", "b", "page.html"].map((name) => join(dir, name));
      await writeTestRun(a);
      await writeTestRun(b, { factor: 1.3, seed: 8 });
      await Deno.writeTextFile(path, await comparisonPage(await compareRuns(a, b, DEFAULT_THRESHOLDS)));
      const { success, stdout } = await new Deno.Command(CHROMIUM!, {
        args: [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          `--user-data-dir=${join(dir, "profile")}`,
          "--dump-dom",
          `file://${path}`,
        ],
        stderr: "null",
      }).output();
      assert.ok(success);
      const dom = new TextDecoder().decode(stdout);
      assert.match(dom, /<h1>.*b against .*a<\/h1>/);
      assert.ok(dom.match(/<(?:svg|canvas)/g)!.length >= 1);
      assert.ok(dom.match(/<strong>worse<\/strong>/g)!.length > 10);
    }),
);
