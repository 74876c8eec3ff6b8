/**
 * The one place that reads command lines (a stand-in for `@std/cli`, over `node:util`'s parseArgs).
 *
 * A command declares its flags once; help text, types, ranges, aliases and errors follow from them:
 *
 * ```ts
 * const flags = {
 *   slots: { type: "integer", default: 16, min: 1, help: "KV slots" },
 *   concurrencies: { type: "integers", default: [1, 8], min: 1, help: "levels to test" },
 * } satisfies Flags;
 * await runCommand({ name: "baseline", summary: "...", flags, examples: ["--slots 4"], run: (o) => ... });
 * ```
 */
import { parseArgs } from "node:util";
import { BadInput, messageOf } from "./errors.ts";

interface FlagBase {
  help: string;
  /** Other spellings, without dashes. */
  alias?: string[];
  /** One letter. */
  short?: string;
}
export type Flag =
  & FlagBase
  & (
    | { type: "boolean"; default?: boolean }
    | { type: "string"; default?: string; choices?: readonly string[] }
    | { type: "number" | "integer"; default?: number; min?: number; max?: number }
    | { type: "strings"; default?: readonly string[]; choices?: readonly string[] }
    | { type: "integers" | "numbers"; default?: readonly number[]; min?: number; max?: number }
  );
export type Flags = Record<string, Flag>;

type ValueOf<F extends Flag> = F["type"] extends "boolean" ? boolean
  : F["type"] extends "string" ? string
  : F["type"] extends "number" | "integer" ? number
  : F["type"] extends "strings" ? string[]
  : number[];
/** Flag values by their camelCase names; a flag without a default may be undefined (booleans are false). */
export type Values<F extends Flags> = {
  [K in keyof F as Camel<K & string>]: F[K] extends { default: unknown } | { type: "boolean" } ? ValueOf<F[K]>
    : ValueOf<F[K]> | undefined;
};
type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

export interface Command<F extends Flags> {
  name: string;
  summary: string;
  flags: F;
  /** Command lines shown by --help, without `deno task <name>`. */
  examples: string[];
  /** Names of positional arguments; extra ones are an error. */
  positionals?: string[];
  run(values: Values<F>, positionals: string[]): Promise<void> | void;
}

const camel = (name: string) => name.replaceAll(/-(\w)/g, (_, c) => c.toUpperCase());
const isList = (flag: Flag) => flag.type.endsWith("s");

/**
 * Parses arguments against the declared flags. Underscores work as dashes do; a list takes `1 2 4`, `1,2,4`
 * or the flag repeated.
 * @throws {BadInput} for an unknown flag, a missing or malformed value, or one out of range.
 */
export function parseFlags<F extends Flags>(
  args: readonly string[],
  flags: F,
  positionalNames: readonly string[] = [],
): { values: Values<F>; positionals: string[] } {
  const byName = new Map<string, string>();
  for (const [name, flag] of Object.entries(flags)) {
    for (const n of [name, ...(flag.alias ?? [])]) byName.set(n.replaceAll("_", "-"), name);
  }
  const { tokens } = parseArgs({
    args: normalise(args, flags, byName),
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries([...byName].map(([n, name]) => {
      const flag = flags[name];
      const type: "boolean" | "string" = flag.type === "boolean" ? "boolean" : "string";
      return [n, {
        type,
        ...(flag.short && n === name ? { short: flag.short } : {}),
        ...(isList(flag) ? { multiple: true } : {}),
      }];
    })),
    allowNegative: true,
  });
  const raw = new Map<string, (string | boolean)[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const typed = token.name.replaceAll("_", "-");
    const negated = typed.startsWith("no-") && !byName.has(typed);
    const name = byName.get(negated ? typed.slice(3) : typed);
    if (name === undefined || (negated && flags[name].type !== "boolean")) {
      const near = nearest(typed, [...byName.keys()]);
      throw new BadInput(
        `Cannot use ${token.rawName} as the flag must be known: ${
          near ? `did you mean --${near}?` : "see --help for the list"
        }`,
      );
    }
    if (flags[name].type === "boolean") {
      if (token.value !== undefined && !/^(true|false)$/.test(token.value)) {
        throw new BadInput(`Cannot use --${name} as it takes no value: it has '${token.value}'`);
      }
      raw.set(name, [token.value === "false" ? false : !negated]);
    } else if (token.value === undefined) {
      throw new BadInput(`Cannot use --${name} as it needs a value: it has none`);
    } else if (isList(flags[name])) {
      raw.set(name, [...(raw.get(name) ?? []), ...token.value.split(",").filter((v) => v !== "")]);
    } else {
      raw.set(name, [token.value]);
    }
  }
  if (positionals.length > positionalNames.length) {
    throw new BadInput(
      `Cannot use '${positionals[positionalNames.length]}' as ${
        positionalNames.length
          ? `only ${positionalNames.length} argument(s) are taken`
          : "no plain argument is taken"
      }: see --help`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const given = raw.get(name);
    if (given === undefined) {
      values[camel(name)] = flag.type === "boolean"
        ? flag.default ?? false
        : Array.isArray(flag.default)
        ? [...flag.default]
        : flag.default;
      continue;
    }
    const parsed = given.map((v) => parseValue(name, flag, v));
    if (isList(flag) && parsed.length === 0) {
      throw new BadInput(`Cannot use --${name} as it needs at least one value: it has none`);
    }
    values[camel(name)] = isList(flag) ? parsed : parsed[0];
  }
  return { values: values as Values<F>, positionals };
}

/** Spreads `--list 1 2 4` into `--list=1 --list=2 --list=4`, so that parseArgs keeps them. */
function normalise(args: readonly string[], flags: Flags, byName: Map<string, string>): string[] {
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const [head, ...rest] = arg.split("=");
    const typed = head.startsWith("--") ? head.slice(2).replaceAll("_", "-") : undefined;
    const name = typed === undefined ? undefined : byName.get(typed);
    if (name === undefined) {
      out.push(arg);
      continue;
    }
    const flag = flags[name];
    const inline = rest.length ? [rest.join("=")] : [];
    if (flag.type === "boolean") {
      out.push(`--${typed}${inline.length ? `=${inline[0]}` : ""}`);
      continue;
    }
    const values = inline;
    const takesNegative = flag.type !== "string" && flag.type !== "strings";
    const isValue = (v: string | undefined) =>
      v !== undefined && (!v.startsWith("-") || v === "-" || (takesNegative && /^-[\d.]/.test(v)));
    if (!inline.length) {
      while (isValue(args[i + 1]) && (values.length === 0 || isList(flag))) values.push(args[++i]);
    }
    if (values.length === 0) {
      throw new BadInput(`Cannot use --${name} as it needs a value: it has none`);
    }
    for (const v of values) out.push(`--${typed}=${v}`);
  }
  return out;
}

function parseValue(name: string, flag: Flag, value: string | boolean): unknown {
  if (typeof value === "boolean") return value;
  if (flag.type === "string" || flag.type === "strings") {
    if (flag.choices && !flag.choices.includes(value)) {
      throw new BadInput(
        `Cannot use --${name} as it must be one of ${flag.choices.join(", ")}: it is '${value}'`,
      );
    }
    return value;
  }
  if (flag.type === "boolean") return value === "true";
  const number = value.trim() === "" ? NaN : Number(value);
  const whole = flag.type.startsWith("integer");
  const { min = -Infinity, max = Infinity } = flag;
  if (!Number.isFinite(number) || (whole && !Number.isInteger(number)) || number < min || number > max) {
    const range = min > -Infinity && max < Infinity
      ? ` from ${min} to ${max}`
      : min > -Infinity
      ? ` of at least ${min}`
      : max < Infinity
      ? ` of at most ${max}`
      : "";
    throw new BadInput(
      `Cannot use --${name} as it must be ${whole ? "a whole number" : "a number"}${range}: it is '${value}'`,
    );
  }
  return number;
}

function nearest(word: string, words: string[]): string | undefined {
  const distance = (a: string, b: string) => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      }
      row = next;
    }
    return row[b.length];
  };
  const best = words.map((w) => ({ w, d: distance(word, w) })).sort((x, y) => x.d - y.d)[0];
  return best && best.d <= Math.max(2, word.length / 4) ? best.w : undefined;
}

/** Renders the --help text of a command. */
export function helpText<F extends Flags>(command: Command<F>): string {
  const args = (command.positionals ?? []).map((p) => ` ${p}`).join("");
  const rows = Object.entries(command.flags).map(([name, flag]) => {
    const value = flag.type === "boolean"
      ? ""
      : "choices" in flag && flag.choices
      ? ` ${flag.choices.join("|")}`
      : isList(flag)
      ? " A B .."
      : flag.type === "string"
      ? " TEXT"
      : " N";
    const fallback = flag.default === undefined || flag.default === false
      ? ""
      : ` (default ${Array.isArray(flag.default) ? flag.default.join(" ") : flag.default})`;
    const alias = flag.alias?.length ? ` (also ${flag.alias.map((a) => `--${a}`).join(", ")})` : "";
    return [`  --${name}${value}`, `${flag.help}${fallback}${alias}`] as const;
  });
  rows.push(["  --help", "this text"], ["  --verbose", "a stack trace with an error"]);
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)) + 2);
  const table = rows.map(([left, right]) =>
    left.length < width ? left.padEnd(width) + right : `${left}\n${" ".repeat(width)}${right}`
  );
  return [
    command.summary,
    "",
    `Usage: deno task ${command.name}${args} [flags]`,
    "",
    ...table,
    "",
    "Examples:",
    ...command.examples.map((e) => `  deno task ${command.name}${e ? ` ${e}` : ""}`),
  ].join("\n");
}

/**
 * Runs a command line: prints help, maps bad input to exit code 2 and a failed run to 1, each with one line
 * on stderr (and a stack trace with --verbose).
 */
export async function runCommand<F extends Flags>(command: Command<F>, args = Deno.args): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(helpText(command));
    return;
  }
  const verbose = args.includes("--verbose");
  try {
    const { values, positionals } = parseFlags(
      args.filter((a) => a !== "--verbose"),
      command.flags,
      command.positionals,
    );
    await command.run(values, positionals);
  } catch (thrown) {
    console.error(`${command.name}: ${messageOf(thrown)}`);
    if (verbose && thrown instanceof Error) console.error(thrown.stack);
    Deno.exit(exitCodeOf(thrown));
  }
}

/** 2 for what the user can mend (bad input, a missing permission, a full disk), 1 for a failed run. */
export function exitCodeOf(thrown: unknown): 1 | 2 {
  if (thrown instanceof BadInput || thrown instanceof Deno.errors.PermissionDenied) return 2;
  if (thrown instanceof Deno.errors.NotCapable) return 2;
  return thrown instanceof Error && /No space left|ENOSPC|Read-only file system/.test(thrown.message) ? 2 : 1;
}
