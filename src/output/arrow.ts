import type * as Arrow from "apache-arrow";
import { needs, QErr } from "../errors.ts";
import { AS_ADMIN_KEY, AS_ADMIN_NOTE, isAdminMade } from "../table/admin-note.ts";
import type { Table } from "../table/table.ts";
import { arrowData, arrowType, textDictionary } from "./arrow-column.ts";
import { distinctNames, type ExportOptions, type ExportSink } from "./options.ts";
import { typedColumns } from "./typed-column.ts";

/** The module `apache-arrow`, as far as the writer knows it. */
export type ArrowModule = typeof Arrow;

const BATCH_ROWS = 65_536;

/**
 * Writes an Arrow IPC file, a record batch at a time. Types as in Parquet; a text field is an Arrow dictionary of its
 * symbols, so texts are written once. The dictionary holds all symbols of the field, also where a range of rows uses few.
 * @param load imports `apache-arrow`, an optional dependency
 * @returns rows written
 * @throws `OUTPUT_UNAVAILABLE` if `apache-arrow` is not installed, `OUTPUT_VALUE` if two columns have one name or the texts
 *   of a field exceed `MAX_ARROW_TEXT_BYTES`, `USAGE` without a field, `BYTES_UTF8` on a damaged text
 */
export async function writeArrow(
  table: Table,
  sink: ExportSink,
  options: ExportOptions = {},
  load: () => Promise<ArrowModule> = () => import("apache-arrow"),
): Promise<number> {
  const arrow = await load().catch((cause: unknown) => {
    throw new QErr("OUTPUT_UNAVAILABLE", "Arrow output needs the package apache-arrow, which is not installed", {
      hint: "npm install apache-arrow, or export to parquet",
      cause,
    });
  });
  const columns = await typedColumns(table, options);
  needs(columns.length > 0, "USAGE", "Arrow needs at least one field");
  distinctNames(
    columns.map((column) => column.name),
    "Arrow",
  );
  const fields = [...new Set(columns.map((column) => column.ordinal))];
  const dictionaries = columns.map((column) => (column.kind === "string" ? textDictionary(arrow, column) : undefined));
  const types = columns.map((column, id) => arrowType(arrow, column.kind, id));
  const schema = new arrow.Schema(
    columns.map((column, k) => new arrow.Field(column.name, types[k]!, true)),
    isAdminMade(table.comment) ? new Map([[AS_ADMIN_KEY, AS_ADMIN_NOTE]]) : undefined,
  );
  const struct = new arrow.Struct(schema.fields);

  const pieces: Uint8Array[] = [];
  class Pieces extends arrow.AsyncByteQueue {
    override write(value: Uint8Array): void {
      pieces.push(value);
    }
  }
  const writer = new arrow.RecordBatchFileWriter();
  writer.reset(new Pieces(), schema);
  const hand = async (): Promise<void> => {
    for (const piece of pieces) if (piece.byteLength > 0) await sink.write(piece);
    pieces.length = 0;
  };

  let rows = 0;
  for await (const batch of table.scan({ batchRows: BATCH_ROWS, ...options.scan, fields })) {
    const children = columns.map((column, k) => {
      const indexes = batch.indexes[fields.indexOf(column.ordinal)]!;
      return arrowData(arrow, column, types[k]!, indexes.subarray(0, batch.rows), dictionaries[k]);
    });
    const data = arrow.makeData({ type: struct, length: batch.rows, nullCount: 0, children });
    writer.write(new arrow.RecordBatch(schema, data));
    await hand();
    rows += batch.rows;
  }
  writer.finish();
  await hand();
  return rows;
}
