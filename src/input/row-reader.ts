import type { FieldToBuild } from "../table/builder.ts";
import type { Cell } from "../table/dual.ts";

/** Rows from another format: fields known at once, with their formats where the source has types, then batches. */
export interface RowReader {
  readonly fields: readonly FieldToBuild[];
  /** True if the source says that its rows were read as an administrator (SPEC 5.4). */
  readonly asAdmin?: boolean | undefined;
  /** Columns of cells, `batch[k][r]`, all of one length. To be read once. */
  batches(): AsyncIterable<readonly (readonly Cell[])[]>;
}

/** Where text input comes from: pieces of any length, cut anywhere. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * What becomes of a whole number that a double cannot hold exactly (beyond 2^53): `refuse` it, keep all digits as a
 * `text`, or take the nearest `number`. Refusing is the default everywhere: which digits matter only the user knows.
 */
export type BigIntegers = "refuse" | "text" | "number";

/** Rows of a batch at the most. */
export const BATCH_ROWS = 8192;

/** Cells of a batch at about the most, where rows have cells that the input does not spend a byte on. */
export const BATCH_CELLS = 2 ** 20;

/** Input bytes of a batch at about the most, so that long rows make short batches. */
export const BATCH_BYTES = 4 * 1024 * 1024;
