/**
 * From what a model wrote to the answer that it gave: a letter (MMLU) or a number (GSM8K).
 *
 * An answer that is not there is null, never a guess: "The answer is A or B" and an echo of all four choices
 * answer nothing. Case counts, as `a` is an article and `A` seldom is.
 */

/** A letter that stands for a choice: not a word's beginning, nor `C++`, `D.C.`, `B-cell`, nor the article `A car`. */
const UPPER = String
  .raw`(?:[BCD]|A(?!\s+(?!(?:because|since|as|is|for|due|based|which|with|where)\b)[a-z]))(?![\w+#])(?!['’-]\w)(?!\.\w)`;
/** Lower case stands for a choice only where no word follows. */
const LOWER = String.raw`[a-d](?=\s*(?:[).,:;!"'”’>\]]|$|\n))(?!\.\w)`;
const LETTER = String.raw`(?<![\w'’-])[("'“‘<\[]*(${UPPER}|${LOWER})[)"'”’>\]]*`;
/** What follows a letter that is one of several: `A or B`, `A, B and C`, `A/B`. */
const ONE_OF_SEVERAL = new RegExp(
  String.raw`^\s*(?:,|/|&|and\b|or\b)\s*(?:and\s+|or\s+)?\(?(?:[A-D](?!\w)|${LOWER})` +
    String.raw`(?!\)?\s+(?:is|are|was|would|has|cannot)\b)`,
);
/** `B is wrong` denies; `B) is wrong ..` may well be a choice's own text. */
const NOT_DENIED = String.raw`(?!\s+is\s+(?:not|wrong|incorrect|false)\b)`;

const ANSWER_IS = new RegExp(
  String.raw`\b(?:[Aa]nswer|ANSWER|(?:correct|right|best)\s+(?:option|choice|letter))(?:\s+choice)?` +
    String.raw`(?:\s+to\s+[^\n.:]{0,60}?)?(?:\s+(?:is|Is|IS|would\s+be|must\s+be|should\s+be)\b)?` +
    String.raw`(?:\s+(?:therefore|thus|likely|probably|clearly)\b)?\s*[:=-]?\s*` +
    String.raw`(?:(?:the\s+)?(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s+)?${LETTER}${NOT_DENIED}`,
  "g",
);
const IS_ANSWER = new RegExp(
  String.raw`${LETTER}\s+is\s+(?:therefore\s+)?(?:the\s+)?(?:correct|right|best)\b`,
  "g",
);
const CUED = new RegExp(
  String.raw`(?:\bi\.e\.|\b(?:[Ss]o|[Tt]hus|[Tt]herefore|[Hh]ence|[Ii]t\s+is|[Ii]t's|(?:must|would)\s+be|` +
    String.raw`which\s+is|choose|chose|pick|select|say|[Oo]ption|[Cc]hoice|[Ll]etter)\b)[,:]?[ \t]+` +
    String.raw`(?:option\s+|choice\s+)?${LETTER}${NOT_DENIED}`,
  "g",
);
const LEADING = new RegExp(String.raw`^\s*${LETTER}${NOT_DENIED}`, "g");
const LAST_LINE = new RegExp(String.raw`(?:^|\n)\s*${LETTER}[\s.]*$`, "g");

/**
 * Reads the letter that a text answers with: the last `answer is X`, else a letter at its beginning, else one
 * that a word like `so`, `i.e.` or `option` leads up to, else one alone on the last line.
 * @returns `A`, `B`, `C` or `D`; null where the text holds no answer, or several
 */
export function extractMmluAnswer(text: string): string | null {
  const plain = withoutMarkup(text).split(/\n\s*(?:Question|Q)\s*\d*\s*:/)[0].trim();
  const echoes = echoesChoices(plain);
  const patterns = [ANSWER_IS, IS_ANSWER, ...(echoes ? [CUED] : [LEADING, CUED, LAST_LINE])];
  for (const pattern of patterns) {
    const last = [...plain.matchAll(pattern)].at(-1);
    if (last) {
      return ONE_OF_SEVERAL.test(plain.slice(last.index + last[0].length)) ? null : last[1].toUpperCase();
    }
  }
  return null;
}

/** Takes away Markdown, LaTeX and the reasoning before `</think>`. */
function withoutMarkup(text: string): string {
  return text.split("</think>").at(-1)!
    .replaceAll(/\\boxed\{\s*(?:\\\w+\{)?\s*\(?([A-D])\b[^{}]*\}+/g, "answer: $1 ")
    .replaceAll(/\\(?:text|textbf|mathrm|mathbf)\b/g, "")
    .replaceAll(/[*`${}_]|^#+\s+/gm, "");
}

/** Says whether a text lists the choices again: `A) ..` and then `B) ..`. */
function echoesChoices(text: string): boolean {
  const listed = [...text.matchAll(/(?:^|\s)\(?([A-D])[).:](?=\s)/g)].map((match) => match[1]);
  return listed[0] === "A" && listed.includes("B");
}

/** A number as people write it. A minus after a digit or a word is a subtraction or a hyphen: `10-5` ends in 5. */
const NUMBER = String.raw`(?:(?<![\w)%])(?<!\d[ \t])[-−–])?[$€£]?` +
  String.raw`(?:\d+\/\d+(?!\.?\d)|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)`;
const ANY_NUMBER = new RegExp(NUMBER, "g");
const MARKED_NUMBER = new RegExp(String.raw`####\s*\**\s*(${NUMBER})`);

/**
 * Reads the number after the first `####`: models that go on after their answer often begin another question.
 * @returns the number as {@linkcode canonicalNumber} writes it, or null where there is none
 */
export function extractGsm8kStrict(text: string): string | null {
  const marked = MARKED_NUMBER.exec(withoutLatex(text));
  return marked && canonicalNumber(marked[1]);
}

/**
 * Reads the number after `####`, or where there is none the last number of the text.
 * @returns the number as {@linkcode canonicalNumber} writes it, or null where there is none
 */
export function extractGsm8kAnswer(text: string): string | null {
  const last = withoutLatex(text).match(ANY_NUMBER)?.at(-1);
  return extractGsm8kStrict(text) ?? (last === undefined ? null : canonicalNumber(last));
}

function withoutLatex(text: string): string {
  return text.replaceAll("{,}", ",").replaceAll("\\$", "$").replaceAll(/\\[!,]/g, "");
}

/**
 * Writes a number in one way: `$1,234.50` is `1234.5`, `18.00` is `18`, `36/2` is `18`, `−0` is `0`.
 * @returns null where the text is not one number
 */
export function canonicalNumber(text: string): string | null {
  const plain = text.replaceAll(/[\s,$€£%+]/g, "").replace(/^[−–]/, "-").replace(/\.$/, "");
  const quotient = /^(-?\d+)\/(\d+)$/.exec(plain);
  if (quotient) return canonicalNumber(String(Number(quotient[1]) / Number(quotient[2])));
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(plain);
  if (!match || !(match[2] || match[3])) return null;
  const whole = match[2].replace(/^0+/, "") || "0";
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  const digits = fraction ? `${whole}.${fraction}` : whole;
  return match[1] && digits !== "0" ? `-${digits}` : digits;
}
