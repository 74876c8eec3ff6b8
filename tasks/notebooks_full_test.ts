/** All notebooks, executed and looked at in a browser; the pages and their pictures stay in results/. */
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import type { Page } from "playwright-core";
import { ENVIRONMENT, interpreterOf, isReady, NOTEBOOKS } from "slolab/notebook/environment.ts";
import { startLab } from "slolab/notebook/lab.ts";
import { listNotebooks } from "slolab/notebook/notebook.ts";
import { QUICK_VARIABLE } from "slolab/notebook/settings.ts";
import { readRun } from "slolab/report/mod.ts";
import { writeJson } from "slolab/std/files.ts";
import { inBrowser, NO_BROWSER, watch } from "slolab/std/test_browser.ts";
import { inTemp, needsTest, ROOT } from "slolab/std/test_support.ts";

const NO_LAB = await isReady() ? null : "no JupyterLab in .venv (deno task lab --setup-only)";
const REPORTS = join(ROOT, "results", "reports"), SHOTS = join(ROOT, "results", "screenshots");

/** On a busy machine all takes long. */
const PATIENCE_MS = 10 * 60_000;

/** Charts that each notebook shows. */
const CHARTS: Record<string, number> = {
  "01_data": 2,
  "02_compress": 3,
  "03_serve": 2,
  "04_load": 4,
  "05_accuracy": 1,
  "06_baseline_report": 5,
};

async function notebooksTask(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "notebooks", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout), errors: new TextDecoder().decode(stderr) };
}

needsTest("deno task notebooks executes all of them in quick mode", NO_LAB, async () => {
  const { code, text, errors } = await notebooksTask("--quick", "--cell-timeout", "900");
  console.log(text);
  assert.equal(code, 0, text + errors);
  const names = (await listNotebooks(NOTEBOOKS)).map((n) => n.name);
  assert.deepEqual(names, Object.keys(CHARTS));
  for (const name of names) {
    assert.match(text, new RegExp(`^${name}: ok \\(\\d+\\.\\ds\\) .*${name}\\.html$`, "m"));
  }
});

needsTest(
  "a notebook's page shows its charts, complains of nothing and asks for nothing",
  NO_LAB ?? NO_BROWSER,
  () =>
    inBrowser(async (browser) => {
      await Deno.mkdir(SHOTS, { recursive: true });
      for (const [name, charts] of Object.entries(CHARTS)) {
        const url = `file://${join(REPORTS, `${name}.html`)}`;
        const { page, complaints, requests } = await watch(browser, url, {
          viewport: { width: 1000, height: 1400 },
        });
        await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
        assert.deepEqual(complaints, []);
        assert.deepEqual(requests, [url]);
        const svgs = await page.locator(".jp-RenderedSVG svg[role=img]").all();
        assert.equal(svgs.length, charts, name);
        for (const svg of svgs) {
          const { width, height } = (await svg.boundingBox())!;
          assert.ok(width > 300 && width < 960 && height > 60, `${name}: ${width} x ${height}`);
          assert.match((await svg.getAttribute("aria-label"))!, /.{40}/);
        }
        if (name.startsWith("06")) await checkReport(page);
        await page.close();
      }
    }),
);

/** The report shows a mark for each figure of the run that it is about. */
async function checkReport(page: Page): Promise<void> {
  const { levels } = await readRun(join(ROOT, "results", "notebooks", "quick"));
  const marks = (view: string) => page.locator(`svg .role-mark.${view}_marks path`).count();
  for (const view of ["ttft", "tpot", "e2e_latency", "queue_wait"]) {
    assert.equal(await marks(view), 3 * levels.length, `${view}: p50, p95 and p99 of each level`);
  }
  const text = await page.locator("main, body").first().innerText();
  for (const { concurrency } of levels) {
    assert.ok(text.includes(`LOAD TEST RESULTS (Concurrency ${concurrency})`));
  }
  for (
    const words of [
      "MMLU Results:",
      "GSM8K Results:",
      "FINAL SUMMARY REPORT",
      "deno task notebooks",
      "machine.cpu",
    ]
  ) {
    assert.ok(text.includes(words), words);
  }
}

needsTest("JupyterLab runs 04_load and draws its charts", NO_LAB ?? NO_BROWSER, async () => {
  // A copy: JupyterLab saves what it has run.
  const folder = join(ROOT, "results", "lab_test");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(join(NOTEBOOKS, "04_load.ipynb"), join(folder, "04_load.ipynb"));
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const lab = startLab({
    python: interpreterOf(ENVIRONMENT),
    port,
    folder,
    browser: false,
    env: { [QUICK_VARIABLE]: "1", JUPYTER_TOKEN: "test" },
  });
  try {
    await Promise.race([answers(`http://127.0.0.1:${port}/api?token=test`), ended(lab)]);
    await inBrowser(async (browser) => {
      const url = `http://127.0.0.1:${port}/lab/tree/04_load.ipynb?token=test`;
      const size = { viewport: { width: 1400, height: 7000 } }; // it draws only what is in view
      const page = await browser.newPage(size);
      page.setDefaultTimeout(PATIENCE_MS);
      await page.goto(url);
      await page.locator(".jp-Notebook .jp-CodeCell").first().waitFor();
      await page.locator(".jp-Notebook .jp-CodeCell").first().click();
      await page.locator(".lm-MenuBar-item", { hasText: /^Run$/ }).click();
      await page.locator(".lm-Menu-item", { hasText: /^Run All Cells$/ }).click();
      await page.getByText("This notebook took").last().waitFor();
      const charts = page.locator(".jp-RenderedVegaCommon5").locator("canvas, svg.marks");
      await charts.nth(3).waitFor();
      await page.screenshot({ path: join(SHOTS, "jupyterlab_04_load.png") });
      assert.equal(await charts.count(), CHARTS["04_load"]);
      for (const chart of await charts.all()) {
        const { width, height } = (await chart.boundingBox())!;
        assert.ok(width > 300 && height > 100, `${width} x ${height}`);
      }
      assert.equal(await page.locator(".jp-OutputArea-output[data-mime-type*=error]").count(), 0);
    });
  } finally {
    await stop(lab);
    await Deno.remove(folder, { recursive: true });
  }
});

async function ended(child: Deno.ChildProcess): Promise<never> {
  throw new Error(`JupyterLab ended with code ${(await child.status).code}`);
}

async function stop(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch { /* it has ended by itself */ }
  await child.status;
}

/** Waits until an address answers. */
async function answers(url: string): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${url} does not answer`);
}

needsTest(
  "deno task notebooks exits 1 where one fails, names the cell, and goes on with the others",
  NO_LAB,
  () =>
    inTemp(async (dir) => {
      const cell = (source: string) => ({
        cell_type: "code",
        id: "a",
        source,
        outputs: [],
        execution_count: null,
        metadata: {},
      });
      for (const [name, source] of [["1_bad", "throw new Error('on purpose')"], ["2_good", "1 + 1"]]) {
        await writeJson(join(dir, `${name}.ipynb`), {
          cells: [cell(source)],
          metadata: { kernelspec: { name: "deno", display_name: "Deno" } },
          nbformat: 4,
          nbformat_minor: 5,
        });
      }
      const { code, text, errors } = await notebooksTask("--folder", dir, "--output-dir", join(dir, "out"));
      assert.equal(code, 1, errors);
      assert.match(text, /^1_bad: FAILED at code cell 1: Error: on purpose \(/m);
      assert.match(text, /^2_good: ok \(/m);
      assert.equal(
        errors.trim(),
        `notebooks: Cannot call 1_bad a success as no cell may fail: see the pages in ${join(dir, "out")}`,
      );
      const left = await Array.fromAsync(Deno.readDir(join(dir, "out")), (e) => basename(e.name));
      assert.deepEqual(left.sort(), ["1_bad.html", "1_bad.ipynb", "2_good.html", "2_good.ipynb"]);
      const none = await notebooksTask("--only", "no such notebook");
      assert.equal(none.code, 2);
      assert.match(
        none.errors,
        /Cannot execute no such notebook as a notebook of notebooks must have that name: they are 01_data/,
      );
    }),
);
