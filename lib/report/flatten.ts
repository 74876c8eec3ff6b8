/** Gives the leaves of a document with their dotted paths; short lists stay together. */
export function flatten(value: unknown, path = ""): [string, string][] {
  if (Array.isArray(value) && value.every((v) => typeof v !== "object")) return [[path, value.join(", ")]];
  if (typeof value !== "object" || value === null) return [[path, value === null ? "none" : String(value)]];
  return Object.entries(value).flatMap(([key, v]) => flatten(v, path ? `${path}.${key}` : key));
}
