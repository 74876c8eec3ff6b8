/** Work that is resumed must go on under the settings it began with. */
import { BadInput } from "./errors.ts";

/** What must be equal for work to be resumed: flags that matter, hashes of model and data. */
export type Settings = Readonly<Record<string, unknown>>;

/**
 * Refuses to resume under other settings.
 * @param what what is to be resumed, a path
 * @throws {BadInput} naming the first setting that differs.
 */
export function requireSameSettings(what: string, earlier: Settings, now: Settings): void {
  for (const key of new Set([...Object.keys(earlier), ...Object.keys(now)])) {
    const [was, is] = [JSON.stringify(earlier[key]), JSON.stringify(now[key])];
    if (was !== is) {
      throw new BadInput(
        `Cannot resume ${what} as ${key} must be what it began with: it was ${was}, now it is ${is}`,
      );
    }
  }
}
