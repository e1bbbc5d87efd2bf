import type { ByteSink } from "../source/sink.ts";
import type { QvdTable } from "../table/qvd-table.ts";
import { rewriteSelected } from "../table/qvd-write.ts";
import type { ScanOptions } from "../table/table.ts";

export const EXPORT_FORMATS = ["qvd"] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportRequest {
  readonly format: ExportFormat;
  readonly scan: ScanOptions;
}

/**
 * Writes a table in another format. The caller commits or aborts the sink.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`, and what reading and writing throw
 */
export async function exportTable(table: QvdTable, sink: ByteSink, request: ExportRequest): Promise<void> {
  await rewriteSelected(sink, table, request.scan);
}
