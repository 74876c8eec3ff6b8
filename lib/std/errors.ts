/**
 * The one error class that callers tell apart: input that the user can mend.
 *
 * Messages read `Cannot <action> as <rule>: <current state>`, on one line. Everything else throws the
 * nearest built-in class and counts as a failed run.
 */
export class BadInput extends Error {
  override name = "BadInput";
}

/** Gives the message of whatever was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll(/\s*\n\s*/g, " ");
}
