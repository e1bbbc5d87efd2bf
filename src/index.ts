/**
 * qvault: Qlik data files and apps, read, written, sealed and reduced.
 *
 * The house, in the order of the flow (who may import whom is held by `test/house/arrows.test.ts`):
 *
 *     input ───────────────────────────┐
 *                                      ▼
 *     bytes ──► source ──► container ──► table ──► reduce ──► output
 *                 │            │         ▲
 *                 │          seal      kernel ◄── assembly/
 *                 │            ▲
 *                 │          keys
 *                 └── all of it composed only in ──► engine ──► cli, demo
 *
 * `table` and `reduce` never see a key; `seal` never decodes a value.
 */
export { BaseApp, type OpenAppOptions, openApp, type ReducedApp } from "./engine/access-app.ts";
export { type AppSource, type LoadedApp, loadApp } from "./engine/access-load.ts";
export { writeReduced } from "./engine/access-write.ts";
export { buildApp } from "./engine/app-build.ts";
export { extractApp } from "./engine/app-files.ts";
export { digestTable } from "./engine/digest.ts";
export { EXPORT_FORMATS, type ExportFormat, type ExportRequest, exportTable } from "./engine/export.ts";
export { IMPORT_FORMATS, type ImportFormat, type ImportRequest, importTable } from "./engine/import.ts";
export { type Inspection, inspect } from "./engine/inspect.ts";
export { inspectApp } from "./engine/inspect-app.ts";
export { type Opened, openFile, openSource } from "./engine/open.ts";
export { openQvfApp, tablesFor } from "./engine/qvf-app.ts";
export { type ShownRows, shownRows } from "./engine/rows.ts";
export { openScanPool, type ScanPool } from "./engine/scan-pool.ts";
export { threadedSelection } from "./engine/scan-threads.ts";
export { decryptFile, sealFile } from "./engine/seal-file.ts";
export { type Finding, type Verification, verify } from "./engine/verify.ts";
export { ERROR_CLASS, type ErrorClass, type ErrorCode, isQErr, QErr } from "./errors.ts";
export { type KernelPool, kernelPool } from "./kernel/pool.ts";
export { fileSource } from "./source/file.ts";
export { fileSink } from "./source/file-sink.ts";
export { fileSpool } from "./source/file-spool.ts";
export { type FetchLike, httpSource } from "./source/http.ts";
export { memorySource } from "./source/memory.ts";
export { type ByteSink, memorySink } from "./source/sink.ts";
export type { ByteSource } from "./source/source.ts";
export { type FieldToBuild, type TableBuilder, tableBuilder } from "./table/builder.ts";
export { type Cell, type Dual, isDual, sameCell } from "./table/dual.ts";
export { type Field, type NumberFormat, UNKNOWN_FORMAT } from "./table/field.ts";
export { memoryTable } from "./table/memory-table.ts";
export { openQvdTable, type QvdTable } from "./table/qvd-table.ts";
export { rewriteQvd, rewriteSelected, type TableToWrite, writeQvd, writeSelected } from "./table/qvd-write.ts";
export { readRows } from "./table/read-rows.ts";
export { type ReduceOptions, type Reduction, reduceQvd } from "./table/reduce-table.ts";
export { type SymbolTable, symbolCell, symbolNumber, symbolText } from "./table/symbols.ts";
export type { Batch, ScanOptions, Table } from "./table/table.ts";
export { type ColumnType, columnType } from "./table/typing.ts";
