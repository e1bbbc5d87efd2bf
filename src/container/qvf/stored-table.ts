import { concat } from "../../bytes/concat.ts";
import { type Cursor, cursor, readBytes } from "../../bytes/cursor.ts";
import { byteWriter, writeU32, written } from "../../bytes/writer.ts";
import { checkInflated, readTableHead, readVectorLengths, type TableHead, writeTableHead } from "./table-stream.ts";

/** A vector of stored indexes, not inflated. */
export interface StoredVector {
  /** Bytes when inflated. */
  readonly length: number;
  readonly compressed: Uint8Array;
}

/** A table as it is stored, nothing inflated. */
export interface StoredTable {
  readonly head: TableHead;
  /** By column; `undefined` for a column without one. */
  readonly vectors: readonly (StoredVector | undefined)[];
}

/** Reads one table at the cursor. Throws the cursor's code, `LIMIT_EXCEEDED`. */
export function readStoredTable(c: Cursor): StoredTable {
  const head = readTableHead(c);
  checkInflated(head, c.end, c.part);
  const vectors = head.columns.map((column) => {
    if (head.rows === 0 || column.width === 0) return undefined;
    const lengths = readVectorLengths(c, head.rows, column.width);
    return { length: lengths.raw, compressed: readBytes(c, lengths.compressed) };
  });
  return { head, vectors };
}

/** @throws `QVF_TABLE` if `bytes`, the stream `part`, is no table. Stale bytes after its end are ignored. */
export function parseStoredTable(bytes: Uint8Array, part: string): StoredTable {
  return readStoredTable(cursor(bytes, part, { code: "QVF_TABLE" }));
}

/** Twin of {@link parseStoredTable}. */
export function encodeStoredTable({ head, vectors }: StoredTable): Uint8Array {
  const w = byteWriter();
  writeTableHead(w, head);
  const pieces = [written(w)];
  for (const vector of vectors) if (vector !== undefined) pieces.push(lengthsOf(vector), vector.compressed);
  return concat(pieces);
}

function lengthsOf({ length, compressed }: StoredVector): Uint8Array {
  const w = byteWriter();
  writeU32(w, length);
  writeU32(w, compressed.byteLength);
  return written(w);
}
