/** The one place where camelCase (code) and snake_case (files) meet. */

const snake = remembering((key) => key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`));
const camel = remembering((key) => key.replaceAll(/_([a-z0-9])/g, (_, c) => c.toUpperCase()));

/** A log of a million records has the same few keys a million times. */
function remembering(rename: (key: string) => string): (key: string) => string {
  const known = new Map<string, string>();
  return (key) => {
    let renamed = known.get(key);
    if (renamed === undefined) known.set(key, renamed = rename(key));
    return renamed;
  };
}

function mapKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((v) => mapKeys(v, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [rename(k), mapKeys(v, rename)]));
}

/** Converts an object of code (`inputLength`) into a record of a file (`input_length`), deeply. */
export function toRecord(value: object): Record<string, unknown> {
  return mapKeys(value, snake) as Record<string, unknown>;
}

/** Converts a record of a file into an object of code, deeply. The caller vouches for the type. */
export function fromRecord<T>(record: object): T {
  return mapKeys(record, camel) as T;
}
