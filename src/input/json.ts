import { decodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_FIELDS } from "../limits.ts";
import type { Cell } from "../table/dual.ts";
import {
  expectChar,
  expectEnd,
  type JsonText,
  jsonError,
  readCell,
  readString,
  skipSpace,
  tryChar,
} from "./json-text.ts";
import type { JsonReadOptions } from "./ndjson.ts";
import { type InputRecord, inputRecords, type RecordEnds, withoutMark } from "./records.ts";
import { BATCH_BYTES, BATCH_ROWS, type ByteStream, type RowReader } from "./row-reader.ts";

/** A reader that also knows the name of the table. */
export interface JsonReader extends RowReader {
  readonly table: string;
}

/**
 * Cuts a document into its head (up to the `[` of the rows), one record a row and the tail: the opening bracket that
 * makes three with the object and the rows begins a row, its partner ends it.
 */
function rowEnds(): RecordEnds {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let inRows = false;
  let key = "";
  return {
    next(bytes, from) {
      for (let i = from; i < bytes.length; i++) {
        const byte = bytes[i]!;
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === 0x5c) escaped = true;
          else if (byte === 0x22) inString = false;
          // The head is small and "rows" is ASCII: the last string of depth 1 tells whether a `[` is that of the rows.
          if (depth === 1 && inString && key.length < 5) key += String.fromCharCode(byte);
        } else if (byte === 0x22) {
          inString = true;
          if (depth === 1) key = "";
        } else if (byte === 0x5b || byte === 0x7b) {
          depth++;
          if (byte === 0x5b && depth === 2 && key === "rows" && !inRows) {
            inRows = true;
            return i + 1;
          }
        } else if (byte === 0x5d || byte === 0x7d) {
          depth--;
          if (inRows && depth === 2) return i + 1;
        }
      }
      return -1;
    },
  };
}

/**
 * Reads the document that `writeJson` writes, a row at a time: `{"table":…,"fields":[…],"rows":[[cell,…],…]}`, `rows` last,
 * and `"asAdmin":true` before `fields` where it says so.
 * @throws as `readNdjson`; a row needs as many cells as there are fields
 */
export async function readJson(stream: ByteStream, options: JsonReadOptions = {}): Promise<JsonReader> {
  const bigIntegers = options.bigIntegers ?? "refuse";
  const groups = inputRecords(stream, rowEnds(), options.recordBytes);
  const group = await groups.next();
  const first = group.done ? undefined : group.value[0];
  if (group.done || first === undefined) throw new QErr("IMPORT_SYNTAX", "the input is empty");
  const head = open({ ...first, bytes: withoutMark(first.bytes) }, "the head", bigIntegers);
  const { table, fields, asAdmin } = readHead(head);
  const rest = group.value.slice(1);
  return {
    table,
    fields: fields.map((name) => ({ name })),
    asAdmin,
    batches: () => jsonBatches(rest, groups, fields.length, bigIntegers),
  };
}

function open(record: InputRecord, name: string, bigIntegers: JsonReadOptions["bigIntegers"]): JsonText {
  const text = decodeUtf8(record.bytes, name, record.offset);
  return { text, at: 0, name, offset: record.offset, bigIntegers: bigIntegers ?? "refuse" };
}

interface Head {
  readonly table: string;
  readonly fields: readonly string[];
  readonly asAdmin: boolean;
}

function readHead(j: JsonText): Head {
  let table: string | undefined;
  let asAdmin = false;
  let fields: readonly string[] | undefined;
  expectChar(j, "{");
  while (true) {
    const key = readString(j);
    expectChar(j, ":");
    if (key === "table" && table === undefined) table = readString(j);
    else if (key === "asAdmin" && !asAdmin && tryTrue(j)) asAdmin = true;
    else if (key === "fields" && fields === undefined) fields = readNames(j);
    else if (key === "rows" && fields !== undefined) break;
    else throw jsonError(j, 'the keys must be "table", "fields" and "rows", in this order');
    expectChar(j, ",");
  }
  expectChar(j, "[");
  expectEnd(j);
  if (new Set(fields).size !== fields.length) throw jsonError(j, "two fields have one name");
  return { table: table ?? "", fields, asAdmin };
}

function tryTrue(j: JsonText): boolean {
  skipSpace(j);
  if (!j.text.startsWith("true", j.at)) return false;
  j.at += 4;
  return true;
}

function readNames(j: JsonText): string[] {
  const names: string[] = [];
  expectChar(j, "[");
  if (tryChar(j, "]")) return names;
  do {
    // Each takes three bytes of the input, and a hundred times as much of memory.
    needs(names.length < MAX_FIELDS, "LIMIT_EXCEEDED", `over ${MAX_FIELDS} fields`);
    names.push(readString(j));
  } while (tryChar(j, ","));
  expectChar(j, "]");
  return names;
}

async function* jsonBatches(
  first: readonly InputRecord[],
  groups: AsyncIterable<readonly InputRecord[]>,
  width: number,
  bigIntegers: JsonReadOptions["bigIntegers"],
): AsyncGenerator<readonly (readonly Cell[])[]> {
  let columns = Array.from({ length: width }, (): Cell[] => []);
  let rows = 0;
  let seen = 0;
  let bytes = 0;
  let closed = false;
  const add = (record: InputRecord): void => {
    const j = open(record, `row ${seen + 1}`, bigIntegers);
    skipSpace(j);
    // What is left when the rows are over: the last record, since nothing after it ends one.
    if (j.text[j.at] === "]") {
      j.at++;
      expectChar(j, "}");
      expectEnd(j);
      closed = true;
      return;
    }
    if (seen > 0) expectChar(j, ",");
    addRow(j, columns);
    rows++;
    seen++;
    bytes += record.bytes.byteLength;
  };
  const group = function* (records: readonly InputRecord[]) {
    for (const record of records) {
      add(record);
      if (rows < BATCH_ROWS && bytes < BATCH_BYTES) continue;
      yield columns;
      columns = columns.map(() => []);
      rows = 0;
      bytes = 0;
    }
  };
  yield* group(first);
  for await (const records of groups) yield* group(records);
  if (!closed) throw new QErr("IMPORT_SYNTAX", `the document ends after ${seen} rows, before it is closed`);
  if (rows > 0) yield columns;
}

function addRow(j: JsonText, columns: readonly Cell[][]): void {
  expectChar(j, "[");
  for (const [k, column] of columns.entries()) {
    if (k > 0) expectChar(j, ",");
    column.push(readCell(j));
  }
  expectChar(j, "]");
  expectEnd(j);
}
