/**
 * Endpoints as a user names them: one on the command line, or several in a file, one for each variant:
 *
 * ```json
 * {
 *   "base": { "endpoint": "http://gpu1:8000/v1", "model": "Qwen/Qwen2.5-1.5B-Instruct" },
 *   "med": { "endpoint": "http://gpu2:8000/v1", "model": "qwen-w8a8", "key_variable": "SLOLAB_KEY_MED" }
 * }
 * ```
 */
import * as v from "valibot";
import { BadInput } from "../std/errors.ts";
import { readJson } from "../std/files.ts";
import { EndpointTarget, readBaseUrl } from "./endpoint_target.ts";

/** An endpoint without its key: what files may say. */
export interface EndpointConfig {
  baseUrl: string;
  /** Default: the one that is served. */
  model?: string;
  /** Default `chat`. */
  api?: "chat" | "completions";
  /** The environment variable that holds the key (default: `SLOLAB_API_KEY`, else `OPENAI_API_KEY`, if set). */
  keyVariable?: string;
  /** Default 0. */
  retry429?: number;
}

/** Where a key is looked for. */
const KEY_VARIABLES = ["SLOLAB_API_KEY", "OPENAI_API_KEY"];

const ENTRY = v.strictObject({
  endpoint: v.string(),
  model: v.optional(v.pipe(v.string(), v.minLength(1))),
  api: v.optional(v.picklist(["chat", "completions"])),
  key_variable: v.optional(
    v.pipe(v.string(), v.regex(/^(SLOLAB_API_KEY|OPENAI_API_KEY|SLOLAB_KEY_\w+)$/)),
  ),
  retry_429: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
});

/**
 * Reads a file of endpoints.
 * @param names the variants that there are
 * @returns the endpoints by variant, in the order of `names`
 * @throws {BadInput} where the file is not like the one above, saying which entry is at fault.
 */
export async function readEndpoints<Name extends string>(
  path: string,
  names: readonly Name[],
): Promise<Map<Name, EndpointConfig>> {
  const json = await readJson(path);
  const refuse = (rule: string, state: string) =>
    new BadInput(`Cannot use the endpoints of ${path} as ${rule}: ${state}`);
  if (typeof json !== "object" || json === null || Array.isArray(json) || Object.keys(json).length === 0) {
    throw refuse("it must hold an object, variant to endpoint", "it does not");
  }
  const other = Object.keys(json).find((key) => !names.includes(key as Name));
  if (other !== undefined) throw refuse(`each must be a variant (${names.join(", ")})`, `one is ${other}`);
  const endpoints = new Map<Name, EndpointConfig>();
  for (const name of names.filter((n) => Object.hasOwn(json, n))) {
    const parsed = v.safeParse(ENTRY, (json as Record<string, unknown>)[name]);
    if (!parsed.success) {
      const [issue] = parsed.issues;
      const at = v.getDotPath(issue);
      const expected = issue.type === "regex"
        ? "SLOLAB_API_KEY, OPENAI_API_KEY or begin with SLOLAB_KEY_"
        : issue.type === "strict_object" && issue.expected === "never"
        ? "a known key (endpoint, model, api, key_variable, retry_429)"
        : issue.expected;
      throw refuse(`${name}${at ? `.${at}` : ""} must be ${expected}`, `it is ${issue.received}`);
    }
    const { endpoint, model, api, key_variable: keyVariable, retry_429: retry429 } = parsed.output;
    endpoints.set(name, { baseUrl: readBaseUrl(endpoint).href, model, api, keyVariable, retry429 });
  }
  return endpoints;
}

/**
 * Opens an endpoint.
 * @param apiKey takes the place of the environment's
 * @throws {BadInput} where its key is not set, or it does not serve exactly one model and none is named.
 */
export function openEndpoint(config: EndpointConfig, apiKey?: string): Promise<EndpointTarget> {
  return EndpointTarget.connect({ ...config, apiKey: apiKey ?? keyOf(config) });
}

function keyOf({ keyVariable, baseUrl }: EndpointConfig): string | undefined {
  if (keyVariable === undefined) return KEY_VARIABLES.map((name) => Deno.env.get(name)).find((key) => key);
  const key = Deno.env.get(keyVariable);
  if (key) return key;
  throw new BadInput(`Cannot use ${baseUrl} as ${keyVariable} must hold its key: it is not set`);
}
