import { concat } from "../../src/bytes/concat.ts";
import { type ErrorCode, isQErr } from "../../src/errors.ts";
import type { RowReader } from "../../src/input/row-reader.ts";
import type { ExportOptions, ExportSink } from "../../src/output/options.ts";
import type { Cell } from "../../src/table/dual.ts";
import type { Table } from "../../src/table/table.ts";

/** All rows of a reader. Checks that the columns of every batch are of one length. */
export async function rowsOf(reader: RowReader): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const batch of reader.batches()) {
    const lengths = new Set(batch.map((column) => column.length));
    if (batch.length !== reader.fields.length || lengths.size > 1) throw new Error("a batch is not rectangular");
    for (let r = 0; r < (batch[0]?.length ?? 0); r++) rows.push(batch.map((column) => column[r]!));
  }
  return rows;
}

/** What a writer writes, in one piece. */
export async function written(
  write: (table: Table, sink: ExportSink, options?: ExportOptions) => Promise<number>,
  table: Table,
  options: ExportOptions = {},
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  // Copies, since a writer may use its buffer again.
  await write(table, { write: async (bytes) => void pieces.push(bytes.slice()) }, options);
  return concat(pieces);
}

/** The bytes in pieces of the given lengths, over and over; the buffer of a piece is spoiled when the next is asked for. */
export function* inPieces(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let k = 0; at < bytes.length; k++) {
    // A Buffer, as Node's streams give: its `slice` is no copy.
    const piece = Buffer.from(bytes.subarray(at, at + Math.max(1, lengths[k % lengths.length]!)));
    at += piece.length;
    yield piece;
    piece.fill(0x2e);
  }
}

export async function codeOf(run: () => Promise<unknown>): Promise<ErrorCode | string> {
  try {
    await run();
  } catch (error) {
    return isQErr(error) ? error.code : String(error);
  }
  return "no error";
}
