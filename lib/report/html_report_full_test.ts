import assert from "node:assert/strict";
import { join } from "node:path";
import { findChromium } from "../std/test_browser.ts";
import { needsTest } from "../std/test_support.ts";
import { writeHtmlReport } from "./html_report.ts";
import { writeTestRun } from "./testing/run.ts";

const CHROMIUM = findChromium();

needsTest(
  "the report shows its charts in a browser, in light and in dark, without a request",
  CHROMIUM === null ? "no Chromium here (apt-get install chromium)" : null,
  async () => {
    const dir = await Deno.makeTempDir();
    try {
      await writeTestRun(dir);
      const url = `file://${await writeHtmlReport(dir)}`;
      const browse = async (...args: string[]) => {
        const { success, stdout } = await new Deno.Command(CHROMIUM!, {
          args: [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            `--user-data-dir=${join(dir, "profile")}`,
            ...args,
            url,
          ],
          stderr: "null",
        }).output();
        assert.ok(success);
        return new TextDecoder().decode(stdout);
      };
      const dom = await browse("--dump-dom");
      assert.equal(dom.match(/<svg role="img"/g)?.length, 5);
      const shot = async (name: string, scheme: number) => {
        const path = join(dir, `${name}.png`);
        await browse(
          "--window-size=1000,1400",
          `--blink-settings=preferredColorScheme=${scheme}`,
          `--screenshot=${path}`,
        );
        return await Deno.readFile(path);
      };
      const [dark, light] = [await shot("dark", 0), await shot("light", 1)];
      assert.ok(light.length > 30_000 && dark.length > 30_000); // a blank page has about 5 kB
      assert.notDeepEqual(light, dark);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);
