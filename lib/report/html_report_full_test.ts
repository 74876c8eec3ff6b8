import assert from "node:assert/strict";
import { join } from "node:path";
import { inBrowser, NO_BROWSER, watch } from "../std/test_browser.ts";
import { inTemp, needsTest, ROOT } from "../std/test_support.ts";
import { writeHtmlReport } from "./html_report.ts";
import { writeTestRun } from "./testing/run.ts";

const ENLIVENED = 'document.querySelectorAll("figure.enlivened").length === 5';
const SIZE = { viewport: { width: 1000, height: 1400 } };

needsTest(
  "the report answers to mouse and keyboard, and prints, without a request",
  NO_BROWSER,
  () =>
    inTemp(async (dir) => {
      await writeTestRun(dir);
      const url = `file://${await writeHtmlReport(dir)}`;
      const shots = join(ROOT, "results", "screenshots"); // looked at by people
      await Deno.mkdir(shots, { recursive: true });
      await inBrowser(async (browser) => {
        const { page, complaints, requests } = await watch(browser, url, SIZE);
        await page.waitForFunction(ENLIVENED);
        const light = await page.screenshot({ path: join(shots, "report_light.png") });

        const latency = page.locator("#latency .live"),
          points = latency.locator(".mark-symbol.role-mark path");
        const all = await points.count();
        assert.equal(all, 4 * 3 * 3);
        for (const svg of await page.locator("figure .live svg").all()) {
          const { width, height } = (await svg.boundingBox())!;
          assert.ok(width > 300 && height > 100);
        }
        await latency.getByText("p99", { exact: true }).click();
        await page.waitForFunction(
          `document.querySelectorAll("#latency .live .mark-symbol.role-mark path").length === ${all / 3}`,
        );

        await points.first().hover();
        const tooltip = page.locator("#vg-tooltip-element.visible");
        await tooltip.waitFor();
        assert.match(await tooltip.innerText(), /percentile:?\s+p99/);

        const column = () =>
          page.locator("table").first().locator("tbody tr td:nth-child(2)").allInnerTexts();
        const before = await column();
        const head = page.locator("table").first().locator("thead th").nth(1);
        await head.getByRole("button").focus();
        await page.keyboard.press("Enter");
        assert.equal(await head.getAttribute("aria-sort"), "ascending");
        assert.deepEqual(await column(), before.toSorted((a, b) => Number(a) - Number(b)));
        await page.keyboard.press("Enter");
        assert.deepEqual(await column(), before.toSorted((a, b) => Number(b) - Number(a)));

        await page.emulateMedia({ media: "print" });
        assert.equal(await page.locator("figure > svg:visible").count(), 5);
        assert.equal(await page.locator("figure .live:visible").count(), 0);
        assert.deepEqual(complaints, []);
        assert.deepEqual(requests, [url]);
        for (const words of ["svg[role=img]", ".live[role=graphics-document]"]) {
          for (const chart of await page.locator(`figure > ${words}`).all()) {
            assert.match((await chart.getAttribute("aria-label"))!, /.{40}/);
          }
          assert.equal(await page.locator(`figure > ${words}`).count(), 5);
        }

        const { page: night } = await watch(browser, url, { ...SIZE, colorScheme: "dark" });
        await night.waitForFunction(ENLIVENED);
        assert.notDeepEqual(await night.screenshot({ path: join(shots, "report_dark.png") }), light);

        const { page: bare } = await watch(browser, url, { ...SIZE, javaScriptEnabled: false });
        assert.equal(await bare.locator("figure > svg:visible").count(), 5);
      });
    }),
);
