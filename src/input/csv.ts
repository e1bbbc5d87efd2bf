import { decodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_FIELDS } from "../limits.ts";
import type { Cell } from "../table/dual.ts";
import { csvEnds, csvFields } from "./csv-record.ts";
import { type InputRecord, inputRecords, withoutMark } from "./records.ts";
import { BATCH_BYTES, BATCH_ROWS, type ByteStream, type RowReader } from "./row-reader.ts";

export interface CsvReadOptions {
  /** One ASCII character; a comma if left out. */
  readonly delimiter?: string | undefined;
  /** The first record holds the field names; true if left out. Without it the fields are `@1`, `@2`, …, as Qlik says. */
  readonly header?: boolean | undefined;
  /**
   * `text` (default): every cell is a text. `canonical`: a cell that is written exactly as a number prints (`7`, `-1.5`,
   * `1e+21`) is that number, so nothing is lost; `007`, `1.50`, `+1`, `1,5`, `-0` stay texts.
   */
  readonly numbers?: "text" | "canonical" | undefined;
  /** What a field with nothing in it is; `null` if left out. `""` is always an empty text. */
  readonly empty?: "null" | "text" | undefined;
  /** Bytes of one record at the most; `MAX_INPUT_RECORD_BYTES` if left out. */
  readonly recordBytes?: number | undefined;
}

/**
 * Reads CSV by RFC 4180 and as Qlik writes it: UTF-8 with or without a byte order mark, records end with LF or CR LF (also
 * inside quotes), quotes double inside quotes. Every record needs as many fields as the first; an empty line is skipped,
 * unless there is only one field.
 * @throws `IMPORT_SYNTAX` on bad quotes, a record with other than the number of fields, two fields of one name, a CR
 *   outside quotes in the first record, or no record at all; `IMPORT_UNSUPPORTED` on UTF-16; `BYTES_UTF8`;
 *   `LIMIT_EXCEEDED` on a record that is too long, or over `MAX_FIELDS` fields; `USAGE` on a bad delimiter. Messages name
 *   the record, never its content.
 */
export async function readCsv(stream: ByteStream, options: CsvReadOptions = {}): Promise<RowReader> {
  const delimiter = options.delimiter ?? ",";
  const good = delimiter.length === 1 && delimiter >= "\t" && delimiter <= "~" && !'"\r\n'.includes(delimiter);
  needs(good, "USAGE", "the delimiter must be one ASCII character other than a quote, CR or LF");
  const groups = inputRecords(stream, csvEnds(delimiter.charCodeAt(0)), options.recordBytes);
  const group = await groups.next();
  const first = group.done ? undefined : group.value[0];
  if (group.done || first === undefined) throw new QErr("IMPORT_SYNTAX", "the input is empty");
  const marked: InputRecord = { ...first, bytes: withoutMark(first.bytes) };
  const named = options.header ?? true;
  const text = recordText(marked);
  // A file whose lines end with CR alone would be one record, and so a table of no rows.
  needs(!text.replaceAll(/"[^"]*"/g, "").includes("\r"), "IMPORT_SYNTAX", "the first record has a CR outside quotes", {
    hint: "records end with LF or CR LF: convert the line ends, e.g. with tr '\\r' '\\n'",
  });
  const cells = csvFields(text, delimiter, marked, MAX_FIELDS);
  needs(cells.length <= MAX_FIELDS, "LIMIT_EXCEEDED", `over ${MAX_FIELDS} fields`, {
    hint: "check that the delimiter is the one of the input",
  });
  const names = cells.map((cell, k) => (named && cell ? cell : `@${k + 1}`));
  const seen = new Set<string>();
  const twice = names.find((name) => seen.has(name) || !seen.add(name));
  if (twice !== undefined) {
    throw new QErr("IMPORT_SYNTAX", `two fields are named "${twice}"`, {
      hint: "rename one of them in the first line",
    });
  }
  const rest = [...(named ? [] : [marked]), ...group.value.slice(1)];
  return {
    fields: names.map((name) => ({ name })),
    batches: () => csvBatches(rest, groups, names.length, delimiter, options),
  };
}

async function* csvBatches(
  first: readonly InputRecord[],
  groups: AsyncIterable<readonly InputRecord[]>,
  width: number,
  delimiter: string,
  options: CsvReadOptions,
): AsyncGenerator<readonly (readonly Cell[])[]> {
  const empty = options.empty === "text" ? "" : null;
  const canonical = options.numbers === "canonical";
  let columns = Array.from({ length: width }, (): Cell[] => []);
  let bytes = 0;
  const add = (record: InputRecord): void => {
    const text = recordText(record);
    if (text === "" && width > 1) return;
    const cells = csvFields(text, delimiter, record, width);
    if (cells.length !== width) {
      const count = cells.length > width ? `over ${width}` : cells.length;
      throw new QErr("IMPORT_SYNTAX", `record ${record.number} has ${count} fields, the first has ${width}`, {
        offset: record.offset,
      });
    }
    for (let k = 0; k < width; k++) {
      const cell = cells[k]!;
      columns[k]!.push(cell === null ? empty : canonical ? numberOrText(cell) : cell);
    }
    bytes += record.bytes.byteLength;
  };
  const group = function* (records: readonly InputRecord[]) {
    for (const record of records) {
      add(record);
      if (columns[0]!.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
      yield columns;
      columns = Array.from({ length: width }, () => []);
      bytes = 0;
    }
  };
  yield* group(first);
  for await (const records of groups) yield* group(records);
  if (columns[0]!.length > 0) yield columns;
}

function numberOrText(text: string): Cell {
  const value = Number(text);
  return String(value) === text && Number.isFinite(value) ? value : text;
}

/** The text of a record without its line end. */
function recordText(record: InputRecord): string {
  let end = record.bytes.byteLength;
  if (record.bytes[end - 1] === 0x0a) {
    end--;
    if (record.bytes[end - 1] === 0x0d) end--;
  }
  return decodeUtf8(record.bytes.subarray(0, end), `record ${record.number}`, record.offset);
}
