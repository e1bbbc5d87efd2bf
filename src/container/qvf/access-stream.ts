import { type Cursor, cursor, readBytes, readU32, remaining } from "../../bytes/cursor.ts";
import { byteWriter, reserve, writeU32, written } from "../../bytes/writer.ts";
import { needs } from "../../errors.ts";
import { MAX_FIELDS, MAX_QVF_TABLES } from "../../limits.ts";
import { type FieldContent, type FieldStream, readField, writeField } from "./field-stream.ts";
import { writeFieldState } from "./model-header.ts";
import { readStoredTable, type StoredTable } from "./stored-table.ts";
import { type TableHead, writeTableHead, writeVector } from "./table-stream.ts";
import { readText, writeText } from "./text.ts";

/**
 * The stream `qvapp_qaccess`: section access as a small model of its own, in clear (zlib only).
 *
 *     u32 0, u32 fields, str name each, the fields, u32 tables, the tables, u32 0, u32 components, u32 1, state
 *
 * An app without section access has the same stream with no fields and no tables: 27 bytes.
 */
export interface AccessStream {
  readonly names: readonly string[];
  readonly fields: readonly FieldStream[];
  readonly tables: readonly StoredTable[];
  readonly components: number;
  readonly state: Uint8Array;
}

const PART = "qvapp_qaccess";

/** @throws `QVF_TABLE` if `bytes` are not a section access model, `LIMIT_EXCEEDED` if it states too much. */
export function parseAccessStream(bytes: Uint8Array): AccessStream {
  const c = cursor(bytes, PART, { code: "QVF_TABLE" });
  needs(readU32(c) === 0, "QVF_TABLE", `${PART} does not begin with 0`, { part: PART, offset: 0 });
  const count = readCount(c, MAX_FIELDS, "fields");
  const names = Array.from({ length: count }, () => readText(c));
  const fields = names.map(() => readField(c));
  const tableCount = readCount(c, MAX_QVF_TABLES, "tables");
  const tables = Array.from({ length: tableCount }, () => readStoredTable(c));
  needs(readU32(c) === 0, "QVF_TABLE", `${PART}: something unknown follows its tables`, { part: PART });
  const components = readU32(c);
  needs(readU32(c) === 1, "QVF_TABLE", `${PART}: something unknown follows its tables`, { part: PART });
  return { names, fields, tables, components, state: readBytes(c, remaining(c)) };
}

function readCount(c: Cursor, limit: number, what: string): number {
  const place = { part: PART, offset: c.offset };
  const count = readU32(c);
  needs(count <= limit, "LIMIT_EXCEEDED", `${PART} states ${count} ${what}, at most ${limit} are read`, place);
  needs(count <= remaining(c), "QVF_TABLE", `${PART}: ${count} ${what} do not fit in what is left`, place);
  return count;
}

/** What {@link encodeAccessStream} needs of a table: its vectors before compression. */
export interface AccessTableContent {
  readonly head: TableHead;
  readonly vectors: readonly (Uint8Array | undefined)[];
}

/** Twin of {@link parseAccessStream}; the state is that of a model in which nothing is selected. */
export function encodeAccessStream(
  names: readonly string[],
  fields: readonly FieldContent[],
  tables: readonly AccessTableContent[],
  components: number,
): Uint8Array {
  const w = byteWriter();
  writeU32(w, 0);
  writeU32(w, names.length);
  for (const name of names) writeText(w, name);
  for (const field of fields) writeField(w, field);
  writeU32(w, tables.length);
  for (const table of tables) {
    writeTableHead(w, table.head);
    for (const vector of table.vectors) if (vector !== undefined) writeVector(w, vector);
  }
  writeU32(w, 0);
  writeU32(w, components);
  writeU32(w, 1);
  reserve(w, 3);
  for (const _ of names) writeFieldState(w, "");
  return written(w);
}
