/**
 * The rules of a committed notebook: thin cells that type-check, no outputs, and a last cell that asserts.
 *
 * The kernel does not check types, and what it cannot do (`import.meta`, raw writes to stdout) it drops in silence.
 */
import { codeOf, type Notebook } from "./notebook.ts";

/** What no cell may hold, and why. */
const FORBIDDEN: [pattern: RegExp, rule: string][] = [
  [/\bfunction\b|=>|\bclass\b/, "no cell may define a function or a class: they belong in lib"],
  [/\bimport\s*\.\s*meta\b/, "no cell may use import.meta: the kernel has none"],
  [
    /\bDeno\s*\.\s*(stdout|stderr)\b|\bprompt\s*\(/,
    "no cell may write to stdout or stderr itself: it is lost",
  ],
  [/\bDeno\s*\.\s*test\b/, "no cell may use Deno.test: a test that fails is not seen"],
  [/\bDeno\s*\.\s*exit\b/, "no cell may use Deno.exit: it kills the kernel"],
];

/** Gives one line for each rule that a notebook breaks. */
export function brokenRules(notebook: Notebook): string[] {
  const broken: string[] = [];
  const cells = codeOf(notebook);
  for (const [i, text] of cells.entries()) {
    const code = withoutTexts(text);
    for (const [pattern, rule] of FORBIDDEN) {
      if (pattern.test(code)) broken.push(`code cell ${i + 1}: ${rule}`);
    }
  }
  const ran = notebook.cells.filter((c) => c.outputs?.length || typeof c.execution_count === "number");
  if (ran.length) {
    broken.push(`${ran.length} cells hold outputs or counts: commit without (deno task notebooks)`);
  }
  if (!/\bassert(\.\w+)*\s*\(/.test(withoutTexts(cells.at(-1) ?? ""))) {
    broken.push("the last code cell must assert what the notebook was meant to show");
  }
  return broken;
}

/** Code with its comments and the texts of its literals blanked; what stands in `${}` of a template stays. */
export function withoutTexts(code: string): string {
  let out = "";
  /** Depths of braces at which a template's `${` ends. */
  const templates: number[] = [];
  let depth = 0;
  const skipTemplate = (at: number): number => {
    for (; at < code.length; at++) {
      if (code[at] === "\\") at++;
      else if (code[at] === "`") return at;
      else if (code.startsWith("${", at)) {
        templates.push(depth++);
        out += "${";
        return at + 1;
      }
    }
    return at;
  };
  for (let at = 0; at < code.length; at++) {
    const char = code[at];
    if (code.startsWith("//", at)) at = ends(code.indexOf("\n", at), code) - 1;
    else if (code.startsWith("/*", at)) at = ends(code.indexOf("*/", at), code) + 1;
    else if (char === '"' || char === "'") {
      out += char;
      for (at++; at < code.length && code[at] !== char; at++) if (code[at] === "\\") at++;
      out += char;
    } else if (char === "`") at = skipTemplate(at + 1);
    else if (char === "}" && templates.at(-1) === --depth) {
      templates.pop();
      out += char;
      at = skipTemplate(at + 1);
    } else {
      if (char === "{") depth++;
      out += char;
    }
  }
  return out;
}

const ends = (at: number, code: string) => at < 0 ? code.length : at;

/**
 * The cells of a notebook as one module, each under a comment with its number. A name that two cells declare is an
 * error here, as it is a trap there.
 */
export function joinCells(notebook: Notebook): string {
  return codeOf(notebook).map((text, i) => `// code cell ${i + 1}\n${text}\n`).join("\n") + "\nexport {};\n";
}
