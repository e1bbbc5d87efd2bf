import { writeArrow } from "../output/arrow.ts";
import { writeCsv } from "../output/csv.ts";
import { writeJson, writeNdjson } from "../output/json.ts";
import { type DualSides, distinctNames, type ExportOptions } from "../output/options.ts";
import { writeParquet } from "../output/parquet.ts";
import type { ByteSink } from "../source/sink.ts";
import { isQvdTable } from "../table/qvd-table.ts";
import { rewriteSelected, writeSelected } from "../table/qvd-write.ts";
import type { ScanOptions, Table } from "../table/table.ts";

/** Formats a table can be written in. */
export const EXPORT_FORMATS = ["csv", "json", "ndjson", "parquet", "arrow", "qvd"] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Which side of a dual goes out. */
export const DUAL_SIDES = ["text", "number", "both"] as const satisfies readonly DualSides[];

export interface ExportRequest {
  readonly format: ExportFormat;
  readonly scan?: ScanOptions | undefined;
  /** Each format has its own default; a QVD always keeps both sides. */
  readonly duals?: DualSides | undefined;
  /** CSV only: guard texts that a spreadsheet would run as a formula. */
  readonly guard?: boolean | undefined;
}

/**
 * Writes a table in another format. The caller commits or aborts the sink.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`, `OUTPUT_VALUE` where the format cannot hold a field that was asked for twice, and
 *   what reading and writing throw
 */
export async function exportTable(table: Table, sink: ByteSink, request: ExportRequest): Promise<void> {
  const { format, scan, duals, guard } = request;
  const options: ExportOptions = { scan, duals };
  switch (format) {
    case "csv":
      await writeCsv(table, sink, { ...options, guard });
      return;
    case "json":
      await writeJson(table, sink, options);
      return;
    case "ndjson":
      await writeNdjson(table, sink, options);
      return;
    case "parquet":
      await writeParquet(table, sink, options);
      return;
    case "arrow":
      await writeArrow(table, sink, options);
      return;
    case "qvd":
      // Qlik loads no table that has a field twice.
      distinctNames(scan?.fields?.map((ordinal) => table.fields[ordinal]?.name ?? "") ?? [], "A QVD");
      if (isQvdTable(table)) await rewriteSelected(sink, table, scan);
      else await writeSelected(sink, table, scan);
  }
}
