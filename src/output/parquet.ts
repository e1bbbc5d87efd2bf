import { ByteWriter, type ColumnSource, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import { needs } from "../errors.ts";
import { AS_ADMIN_KEY, AS_ADMIN_NOTE, isAdminMade } from "../table/admin-note.ts";
import type { SymbolTable } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import { distinctNames, type ExportOptions, type ExportSink } from "./options.ts";
import { type TypedColumn, type TypedKind, type TypedValue, typedColumns } from "./typed-column.ts";

export interface ParquetOptions extends ExportOptions {
  /** Rows of a row group at the most; 122,880 if left out, fewer for tables of more than 32 columns. */
  readonly rowGroupRows?: number | undefined;
}

/** What DuckDB writes itself; a row group is the unit of memory here and of parallel reading there. */
const ROW_GROUP_ROWS = 122_880;

/** Cells of a row group held at once. */
const ROW_GROUP_CELLS = 32 * ROW_GROUP_ROWS;

/**
 * Writes Parquet, a row group at a time: whole numbers as INT32 or INT64, dates as DATE, timestamps without time zone and
 * times in microseconds, other numbers as DOUBLE (intervals in days), texts and mixed fields as strings in dictionaries.
 * Typed, not lossless: formats and tags are not kept, and a timestamp is rounded to the microsecond. Duals as
 * `typedColumns` says.
 * @returns rows written
 * @throws `USAGE` without a field, `OUTPUT_VALUE` if two columns have one name, `BYTES_UTF8` on a damaged text
 */
export async function writeParquet(table: Table, sink: ExportSink, options: ParquetOptions = {}): Promise<number> {
  const columns = await typedColumns(table, options);
  needs(columns.length > 0, "USAGE", "Parquet needs at least one field");
  distinctNames(
    columns.map((column) => column.name),
    "Parquet",
  );
  const fields = [...new Set(columns.map((column) => column.ordinal))];
  const positions = columns.map((column) => fields.indexOf(column.ordinal));
  const groupRows =
    options.rowGroupRows ?? Math.max(1, Math.min(ROW_GROUP_ROWS, Math.floor(ROW_GROUP_CELLS / columns.length)));
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema: schemaOf(columns),
    createdBy: "qvault",
    ...(isAdminMade(table.comment) && { kvMetadata: [{ key: AS_ADMIN_KEY, value: AS_ADMIN_NOTE }] }),
  });
  const hand = async (): Promise<void> => {
    if (bytes.index > 0) await sink.write(bytes.getBytes());
    bytes.index = 0;
  };

  const hasLong = columns.map(({ kind, symbols }) => kind === "string" && longestOf(symbols) > COMPARED_BYTES);
  let group = columns.map((): Value[] => []);
  let rows = 0;
  const flush = async (): Promise<void> => {
    const columnData = columns.map((column, k): ColumnSource => {
      const source = { name: column.name, data: group[k]! };
      // A dictionary takes -0 for 0, so such columns are written plain.
      if (column.unusual && column.kind === "double") return { ...source, encoding: "PLAIN" };
      return hasLong[k] ? { ...source, statistics: false } : source;
    });
    await writer.write({ columnData, rowGroupSize: groupRows });
    group = columns.map(() => []);
    await hand();
  };
  for await (const batch of table.scan({ ...options.scan, fields })) {
    for (let from = 0; from < batch.rows; ) {
      const to = Math.min(batch.rows, from + groupRows - group[0]!.length);
      for (const [k, column] of columns.entries()) {
        fill(group[k]!, column, batch.indexes[positions[k]!]!, from, to);
      }
      from = to;
      if (group[0]!.length === groupRows) await flush();
    }
    rows += batch.rows;
  }
  if (group[0]!.length > 0) await flush();
  await writer.finish();
  await hand();
  return rows;
}

/**
 * Texts that are compared for the least and the greatest of a row group. Of longer ones nothing is said, since each row is
 * compared: three texts of 100 KB with one beginning, in 100,000 rows, took 25 s.
 */
const COMPARED_BYTES = 1024;

function longestOf({ starts, count }: SymbolTable): number {
  let longest = 0;
  for (let i = 0; i < count; i++) longest = Math.max(longest, starts[i + 1]! - starts[i]!);
  return longest;
}

type Value = TypedValue | undefined;

function fill(target: Value[], column: TypedColumn, indexes: Int32Array, from: number, to: number): void {
  for (let row = from; row < to; row++) target.push(column.value(indexes[row]!));
}

function schemaOf(columns: readonly TypedColumn[]): SchemaElement[] {
  const root: SchemaElement = { name: "root", num_children: columns.length };
  return [
    root,
    ...columns.map((column) => ({ name: column.name, repetition_type: "OPTIONAL" as const, ...TYPE[column.kind] })),
  ];
}

/** Times are of no time zone, which the older `converted_type` cannot say. */
const TYPE: Readonly<Record<TypedKind, Omit<SchemaElement, "name">>> = {
  int32: { type: "INT32" },
  int64: { type: "INT64" },
  double: { type: "DOUBLE" },
  date: { type: "INT32", converted_type: "DATE", logical_type: { type: "DATE" } },
  time: { type: "INT64", logical_type: { type: "TIME", isAdjustedToUTC: false, unit: "MICROS" } },
  timestamp: { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: false, unit: "MICROS" } },
  string: { type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } },
};
