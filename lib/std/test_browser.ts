/** For tests alone: the browser that opens what the project writes. */
import { existsSync } from "node:fs";

/** Path of a Chromium, or null where there is none. */
export function findChromium(): string | null {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  return names.map((name) => `/usr/bin/${name}`).find((path) => existsSync(path)) ?? null;
}
