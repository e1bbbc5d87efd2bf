import { decodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_FIELDS } from "../limits.ts";
import type { Cell } from "../table/dual.ts";
import { expectChar, expectEnd, type JsonText, jsonError, readCell, readString, tryChar } from "./json-text.ts";
import { type InputRecord, inputRecords, lineEnds, withoutMark } from "./records.ts";
import {
  BATCH_BYTES,
  BATCH_CELLS,
  BATCH_ROWS,
  type BigIntegers,
  type ByteStream,
  type RowReader,
} from "./row-reader.ts";

export interface JsonReadOptions {
  /** What becomes of whole numbers beyond 2^53; `refuse` if left out. */
  readonly bigIntegers?: BigIntegers | undefined;
  /** Bytes of one record at the most; `MAX_INPUT_RECORD_BYTES` if left out. */
  readonly recordBytes?: number | undefined;
}

export interface NdjsonReadOptions extends JsonReadOptions {
  /** Names of the fields; if left out, those that the first rows have (up to 8,192 rows or 4 MiB), in order of appearance. */
  readonly fields?: readonly string[] | undefined;
}

interface Row {
  readonly names: readonly string[];
  readonly cells: readonly Cell[];
}

/**
 * Reads NDJSON: one object a line, keys are fields, cells as `readCell` says; a key that a row lacks is NULL. Lines of white
 * space are skipped.
 * @throws `IMPORT_SYNTAX` on what is not such a line, a key twice in a row, a key that the fields do not have, or no row to
 *   take fields from; `IMPORT_VALUE` on a number that a double cannot hold; `IMPORT_UNSUPPORTED` on UTF-16; `BYTES_UTF8`;
 *   `LIMIT_EXCEEDED` on a line too long or over `MAX_FIELDS` fields
 */
export async function readNdjson(stream: ByteStream, options: NdjsonReadOptions = {}): Promise<RowReader> {
  const groups = rowGroups(inputRecords(stream, lineEnds(), options.recordBytes), options.bigIntegers ?? "refuse");
  if (options.fields !== undefined) return reader(options.fields, [], groups);
  const first: Row[] = [];
  const names = new Set<string>();
  for (let bytes = 0; first.length < BATCH_ROWS && bytes < BATCH_BYTES; ) {
    const group = await groups.next();
    if (group.done) break;
    for (const row of group.value.rows) {
      for (const name of row.names) names.add(name);
      first.push(row);
    }
    bytes += group.value.bytes;
    needs(names.size <= MAX_FIELDS, "LIMIT_EXCEEDED", `over ${MAX_FIELDS} fields`);
  }
  if (names.size === 0) {
    throw new QErr("IMPORT_SYNTAX", "the input has no row with a field", {
      hint: "JSON, as export writes it, names its fields without rows too",
    });
  }
  return reader([...names], first, groups);
}

interface RowGroup {
  readonly rows: readonly Row[];
  readonly bytes: number;
}

async function* rowGroups(
  records: AsyncIterable<readonly InputRecord[]>,
  bigIntegers: BigIntegers,
): AsyncGenerator<RowGroup> {
  for await (const group of records) {
    let rows: Row[] = [];
    let bytes = 0;
    for (const record of group) {
      const row = readRow(record, bigIntegers);
      if (row !== undefined) rows.push(row);
      bytes += record.bytes.byteLength;
      if (rows.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
      yield { rows, bytes };
      rows = [];
      bytes = 0;
    }
    yield { rows, bytes };
  }
}

function readRow(record: InputRecord, bigIntegers: BigIntegers): Row | undefined {
  const bytes = record.number === 1 ? withoutMark(record.bytes) : record.bytes;
  const name = `record ${record.number}`;
  const text = decodeUtf8(bytes, name, record.offset);
  if (/^[ \t\r\n]*$/.test(text)) return undefined;
  const j: JsonText = { text, at: 0, name, offset: record.offset, bigIntegers };
  const names: string[] = [];
  const cells: Cell[] = [];
  expectChar(j, "{");
  if (!tryChar(j, "}")) {
    do {
      needs(names.length < MAX_FIELDS, "LIMIT_EXCEEDED", `${name} has over ${MAX_FIELDS} fields`);
      names.push(readString(j));
      expectChar(j, ":");
      cells.push(readCell(j));
    } while (tryChar(j, ","));
    expectChar(j, "}");
  }
  expectEnd(j);
  if (names.length > 1 && new Set(names).size !== names.length) throw jsonError(j, "a key comes twice");
  return { names, cells };
}

function reader(names: readonly string[], first: readonly Row[], groups: AsyncIterable<RowGroup>): RowReader {
  const ordinals = new Map(names.map((name, k) => [name, k]));
  return {
    fields: names.map((name) => ({ name })),
    async *batches() {
      let done = 0;
      const most = Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_CELLS / names.length)));
      const batches = function* (rows: readonly Row[]) {
        for (let from = 0; from < rows.length; from += most) {
          yield columnsOf(names, ordinals, rows.slice(from, from + most), done + from);
        }
        done += rows.length;
      };
      yield* batches(first);
      for await (const { rows } of groups) yield* batches(rows);
    },
  };
}

function columnsOf(
  names: readonly string[],
  ordinals: ReadonlyMap<string, number>,
  rows: readonly Row[],
  before: number,
): readonly (readonly Cell[])[] {
  // Fields that no row has share one column.
  const none = new Array<Cell>(rows.length).fill(null);
  const columns = names.map((): Cell[] => none);
  for (const [r, row] of rows.entries()) {
    for (let k = 0; k < row.names.length; k++) {
      const name = row.names[k]!;
      const ordinal = names[k] === name ? k : ordinals.get(name);
      if (ordinal === undefined) {
        throw new QErr("IMPORT_SYNTAX", `row ${before + r + 1} has a field that the first rows do not have`, {
          hint: "name all fields of the input",
        });
      }
      if (columns[ordinal] === none) columns[ordinal] = none.slice();
      columns[ordinal]![r] = row.cells[k]!;
    }
  }
  return columns;
}
