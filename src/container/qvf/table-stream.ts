import { type Cursor, readBytes, readI32, readU32 } from "../../bytes/cursor.ts";
import { type ByteWriter, writeBytes, writeI32, writeU32 } from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";
import {
  FREE_CELLS_A_BYTE,
  INFLATED_A_BYTE,
  MAX_BIT_WIDTH,
  MAX_FIELDS,
  MAX_FREE_CELLS,
  MAX_FREE_INFLATED_BYTES,
} from "../../limits.ts";
import { deflateLikeQlik } from "./deflate.ts";
import { readText, writeText } from "./text.ts";

/**
 * What comes before the rows of a table (`data/table_N`, or inline in `qvapp_qaccess`):
 *
 *     str name, str source, 8 bytes, u32 columns, u32 rows, i32 -1, u32 0, u32 synthetic, 27 bytes a column
 *     if there are rows: i32 -987, then for every column with a width: u32 length, u32 compressed, zlib(vector)
 */
export interface TableHead {
  readonly name: string;
  /** File or statement that the table was loaded from; may name paths of the machine it was loaded on. */
  readonly source: string;
  readonly unknown: Uint8Array;
  readonly rows: number;
  /** 1 if the table holds a synthetic key. */
  readonly synthetic: number;
  readonly columns: readonly TableColumn[];
}

/** `u32 0, i32 field, i32 bias, u32 0, u32 unused, u32 width, 3 bytes` */
export interface TableColumn {
  /** Number of the field in the model. */
  readonly field: number;
  /** Added to the stored index; a negative sum is NULL. -2 where rows may be NULL; positive ones occur. */
  readonly bias: number;
  /** Never initialized by Qlik, often 0xdeadbeef; kept so that a stream can be written as it was. */
  readonly unused: number;
  /** Bits of a stored index, 0-32; 0 means that every row stores 0. */
  readonly width: number;
  readonly last: Uint8Array;
}

const ROWS_MARK = -987;
const COLUMN_BYTES = 27;
/** Room for a 64-bit load at the last row. */
const VECTOR_SLACK = 8;

/** Reads what comes before the rows. Throws the cursor's code. */
export function readTableHead(c: Cursor): TableHead {
  const name = readText(c);
  const source = readText(c);
  const unknown = readBytes(c, 8);
  const place = { part: c.part, offset: c.base + c.offset };
  const count = readU32(c);
  needs(
    count <= MAX_FIELDS,
    "LIMIT_EXCEEDED",
    `${c.part} states ${count} columns, at most ${MAX_FIELDS} are read`,
    place,
  );
  const rows = readU32(c);
  const fixed = [readI32(c), readI32(c)];
  needs(fixed[0] === -1 && fixed[1] === 0, c.code, `${c.part} has no columns where they should begin`, place);
  const synthetic = readU32(c);
  needs(
    count * COLUMN_BYTES <= c.end - c.offset,
    c.code,
    `${c.part}: ${count} columns do not fit in what is left`,
    place,
  );
  const columns: TableColumn[] = [];
  for (let k = 0; k < count; k++) columns.push(readColumn(c));
  if (rows > 0) {
    const at = c.offset;
    if (readI32(c) !== ROWS_MARK) {
      throw new QErr(c.code, `${c.part} has no rows where they should begin`, { part: c.part, offset: c.base + at });
    }
  }
  const free = rows * columns.filter((column) => column.width === 0).length;
  const paid = inflatedBytes(rows, columns);
  needs(
    free <= MAX_FREE_CELLS + FREE_CELLS_A_BYTE * paid,
    "LIMIT_EXCEEDED",
    `${c.part}: ${free} cells in columns of no bits are too many for ${paid} bytes of the others`,
    place,
  );
  return { name, source, unknown, rows, synthetic, columns };
}

function readColumn(c: Cursor): TableColumn {
  const place = { part: c.part, offset: c.base + c.offset };
  const first = readU32(c);
  const field = readI32(c);
  const bias = readI32(c);
  const second = readU32(c);
  const unused = readU32(c);
  const width = readU32(c);
  const last = readBytes(c, 3);
  needs(first === 0 && second === 0 && field >= 0, c.code, `${c.part} has a column that is none`, place);
  needs(width <= MAX_BIT_WIDTH, c.code, `${c.part} has a column of ${width} bits`, place);
  return { field, bias, unused, width, last };
}

/** Bytes of the vector of a column: whole bytes for 8, 16 and 32 bits, else packed with room for a 64-bit load. */
export function vectorBytes(rows: number, width: number): number {
  if (width === 8 || width === 16 || width === 32) return (rows * width) / 8;
  return Math.floor(((rows - 1) * width) / 8) + VECTOR_SLACK;
}

/** Reads the two lengths before a vector and checks them. Throws the cursor's code. */
export function readVectorLengths(
  c: Cursor,
  rows: number,
  width: number,
): { readonly raw: number; compressed: number } {
  const place = { part: c.part, offset: c.base + c.offset };
  const raw = readU32(c);
  const compressed = readU32(c);
  const expected = vectorBytes(rows, width);
  needs(
    raw === expected,
    c.code,
    `${c.part}: vector of ${raw} bytes, ${rows} rows of ${width} bits need ${expected}`,
    place,
  );
  return { raw, compressed };
}

/**
 * Checks what the columns of a table inflate to against the bytes that its stream has.
 * @throws `LIMIT_EXCEEDED`
 */
export function checkInflated(head: TableHead, streamBytes: number, part: string): void {
  const inflated = inflatedBytes(head.rows, head.columns);
  needs(
    inflated <= MAX_FREE_INFLATED_BYTES + INFLATED_A_BYTE * streamBytes,
    "LIMIT_EXCEEDED",
    `${part}: ${streamBytes} bytes would inflate to ${inflated}`,
    { part },
  );
}

function inflatedBytes(rows: number, columns: readonly TableColumn[]): number {
  return columns.reduce((sum, { width }) => sum + (width === 0 ? 0 : vectorBytes(rows, width)), 0);
}

/** Twin of {@link readTableHead}. */
export function writeTableHead(w: ByteWriter, head: TableHead): void {
  writeText(w, head.name);
  writeText(w, head.source);
  writeBytes(w, head.unknown);
  writeU32(w, head.columns.length);
  writeU32(w, head.rows);
  writeI32(w, -1);
  writeI32(w, 0);
  writeU32(w, head.synthetic);
  for (const column of head.columns) {
    writeU32(w, 0);
    writeI32(w, column.field);
    writeI32(w, column.bias);
    writeU32(w, 0);
    writeU32(w, column.unused);
    writeU32(w, column.width);
    writeBytes(w, column.last);
  }
  if (head.rows > 0) writeI32(w, ROWS_MARK);
}

/** Writes one vector (see {@link vectorBytes}) with its lengths; to be called for every column with a width. */
export function writeVector(w: ByteWriter, vector: Uint8Array): void {
  const compressed = deflateLikeQlik(vector);
  writeU32(w, vector.byteLength);
  writeU32(w, compressed.byteLength);
  writeBytes(w, compressed);
}
