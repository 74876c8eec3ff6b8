/** For tests alone: the browser that opens what the project writes. */
import fs, { existsSync } from "node:fs";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Path of a Chromium, or null where there is none. */
export function findChromium(): string | null {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  return names.map((name) => `/usr/bin/${name}`).find((path) => existsSync(path)) ?? null;
}

/** Why a test that needs a browser is skipped, or null where there is one. */
export const NO_BROWSER = findChromium() === null ? "no Chromium here (apt-get install chromium)" : null;

/** A page and what went on in it. */
export interface Watched {
  page: Page;
  /** Errors and warnings of the console, and errors that nothing caught. */
  complaints: string[];
  /** Addresses that the page asked for, its own included. */
  requests: string[];
}

/** Opens a headless Chromium for as long as `use` takes. */
export async function inBrowser<T>(use: (browser: Browser) => Promise<T>): Promise<T> {
  // Playwright looks for files under /proc, which Deno shows to those alone who may do everything.
  fs.existsSync = (path) => {
    try {
      return existsSync(path);
    } catch {
      return false;
    }
  };
  const { chromium } = await import("playwright-core");
  const browser = await chromium.launch({
    executablePath: findChromium()!,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

/** Opens an address and keeps what goes on in it. */
export async function watch(
  browser: Browser,
  url: string,
  options?: BrowserContextOptions,
): Promise<Watched> {
  const page = await browser.newPage(options);
  const complaints: string[] = [], requests: string[] = [];
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") complaints.push(m.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests };
}
