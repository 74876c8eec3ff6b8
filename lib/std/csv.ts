/** CSV text (a stand-in for `@std/csv`'s stringify). */

export type CsvValue = string | number | boolean | null | undefined;

/**
 * Writes rows under a header line; null and undefined are empty fields.
 * @see RFC 4180 for the quoting; lines end in `\n`
 */
export function toCsv<C extends string>(
  columns: readonly C[],
  rows: readonly Readonly<Record<C, CsvValue>>[],
): string {
  const field = (value: CsvValue) => {
    const text = String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const line = (values: readonly CsvValue[]) => values.map(field).join(",") + "\n";
  return line(columns) + rows.map((row) => line(columns.map((c) => row[c]))).join("");
}
