/** Rows of a Parquet file. */
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { BadInput, messageOf } from "../std/errors.ts";
import type { Row } from "./benchmark.ts";

/**
 * Reads all rows of a Parquet file as objects; whole numbers of 64 bits are bigints.
 * @throws {BadInput} where it is not a readable Parquet file.
 */
export async function readParquet(path: string): Promise<Row[]> {
  const bytes = await Deno.readFile(path);
  try {
    return await parquetReadObjects({ file: bytes.buffer, compressors });
  } catch (thrown) {
    throw new BadInput(
      `Cannot read ${path} as it must be a Parquet file: ${
        messageOf(thrown)
      }; remove it to have it brought anew`,
    );
  }
}
