/** Amounts of memory: `2GB` to bytes and back. */
import { BadInput } from "./errors.ts";

const UNITS: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Reads an amount such as `2GB`, `1.5 GiB` or `800MB`.
 * @param what its name in the error
 * @throws {BadInput} where it is none, or 0.
 */
export function parseBytes(text: string, what: string): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(text) ?? [];
  const bytes = Number(number) * UNITS[unit?.toUpperCase()];
  if (!(bytes >= 1)) {
    throw new BadInput(`Cannot use ${what} as it must be an amount such as 2GB or 800MB: it is '${text}'`);
  }
  return Math.floor(bytes);
}

/** Writes an amount in KB, MB or GB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
