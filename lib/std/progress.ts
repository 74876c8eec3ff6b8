/**
 * Progress of long work on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet (JSON output).
 */
const encoder = new TextEncoder();

export interface ProgressOptions {
  label: string;
  /** Units of work in all; undefined while unknown. */
  total?: number;
  /** Prints a plain line every so many units off a terminal (default: a tenth of the total). */
  every?: number;
  /** Formats a count (default: as it is). */
  format?: (count: number) => string;
  /** Monotonic clock in ms; a test hands in its own. */
  now?: () => number;
  /** Where lines go; a test hands in its own. */
  write?: (text: string) => void;
  terminal?: boolean;
}

let quiet = false;
/** Silences all progress, for `--json`. */
export function setQuiet(value: boolean): void {
  quiet = value;
}
/** Prints a line for a person to stderr, unless quiet. */
export function say(line: string): void {
  if (!quiet) Deno.stderr.writeSync(encoder.encode(line + "\n"));
}

/** One running piece of work. */
export class Progress {
  #count = 0;
  #lastLine = 0;
  #lastDraw = -Infinity;
  #startedAt: number;
  #options: Required<Omit<ProgressOptions, "total">> & { total?: number };

  constructor(options: ProgressOptions) {
    this.#options = {
      every: Math.max(1, Math.ceil((options.total ?? 1000) / 10)),
      format: String,
      now: () => performance.now(),
      write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
      terminal: Deno.stderr.isTerminal(),
      ...options,
    };
    this.#startedAt = this.#options.now();
  }

  /** Adds finished units. */
  add(units = 1): void {
    this.update(this.#count + units);
  }

  /** Sets how many units are finished. */
  update(count: number): void {
    this.#count = count;
    if (quiet) return;
    const { terminal, every, total, now, write } = this.#options;
    if (terminal) {
      if (now() - this.#lastDraw < 100 && count !== total) return;
      this.#lastDraw = now();
      write(`\r\x1b[2K${this.#bar()}`);
    } else if (count - this.#lastLine >= every || (count === total && this.#lastLine !== count)) {
      this.#lastLine = count;
      write(`  Progress: ${this.#text()}\n`);
    }
  }

  /** Ends the bar; the line stays. */
  finish(): void {
    if (quiet) return;
    if (this.#options.terminal) this.#options.write(`\r\x1b[2K${this.#bar()}\n`);
  }

  #text(): string {
    const { label, total, format, now } = this.#options;
    const elapsed = (now() - this.#startedAt) / 1000;
    const rate = elapsed > 0.05 ? this.#count / elapsed : 0; // nothing can be said of the first instant
    const eta = total !== undefined && rate > 0 ? `, ETA: ${((total - this.#count) / rate).toFixed(1)}s` : "";
    const of = total === undefined ? "" : `/${format(total)}`;
    const perSec = rate >= 1e4 ? format(Math.round(rate)) : rate.toFixed(1);
    return `${label} ${format(this.#count)}${of}${rate > 0 ? ` (${perSec}/sec${eta})` : ""}`;
  }

  #bar(): string {
    const { total } = this.#options;
    if (!total) return this.#text();
    const filled = Math.round(24 * Math.min(1, this.#count / total));
    return `[${"#".repeat(filled)}${".".repeat(24 - filled)}] ${this.#text()}`;
  }
}
