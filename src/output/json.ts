import { encodeUtf8 } from "../bytes/utf8.ts";
import { isAdminMade } from "../table/admin-note.ts";
import type { Table } from "../table/table.ts";
import { jsonCell } from "./json-cell.ts";
import { distinctNames, type ExportOptions, type ExportSink, planExport } from "./options.ts";
import { writeRows } from "./row-writer.ts";

/**
 * Writes one JSON document, streamed, one row a line: `{"table":…,"fields":[…],"rows":[[cell,…],…]}`, with
 * `"asAdmin":true` before `fields` if the rows were read as an administrator. Lossless unless
 * `duals` asks for one side only; the form of cells is that of `jsonCell`.
 * @returns rows written
 * @throws `BYTES_UTF8` on a damaged text, and what the table throws; the document is then incomplete
 */
export async function writeJson(table: Table, sink: ExportSink, options: ExportOptions = {}): Promise<number> {
  const ordinals = planExport(table, options).fields;
  const names = ordinals.map((ordinal) => table.fields[ordinal]!.name);
  const asAdmin = isAdminMade(table.comment) ? '"asAdmin":true,' : "";
  const head = `{"table":${JSON.stringify(table.name)},${asAdmin}"fields":${JSON.stringify(names)},"rows":[`;
  await sink.write(encodeUtf8(`${head}\n`));
  const encoder = jsonCell(options.duals ?? "both");
  const columns = ordinals.map((ordinal, k) => ({ ordinal, encoder, lead: encodeUtf8(k === 0 ? "[" : ",") }));
  const layout = { columns, end: encodeUtf8(columns.length === 0 ? "[]" : "]"), between: encodeUtf8(",\n") };
  const rows = await writeRows(table, sink, layout, options);
  await sink.write(encodeUtf8("\n]}\n"));
  return rows;
}

/**
 * Writes NDJSON: one object a row, keys are field names in field order, cells as in {@link writeJson}, NULL is `null`.
 * @returns rows written
 * @throws `OUTPUT_VALUE` if a field is asked for twice, `BYTES_UTF8` on a damaged text, and what the table throws
 */
export async function writeNdjson(table: Table, sink: ExportSink, options: ExportOptions = {}): Promise<number> {
  const ordinals = planExport(table, options).fields;
  const fieldNames = ordinals.map((ordinal) => table.fields[ordinal]!.name);
  const names = distinctNames(fieldNames, "NDJSON");
  const encoder = jsonCell(options.duals ?? "both");
  const columns = ordinals.map((ordinal, k) => {
    return { ordinal, encoder, lead: encodeUtf8(`${k === 0 ? "{" : ","}${JSON.stringify(names[k])}:`) };
  });
  const end = encodeUtf8(columns.length === 0 ? "{}\n" : "}\n");
  return writeRows(table, sink, { columns, end, between: new Uint8Array(0) }, options);
}
