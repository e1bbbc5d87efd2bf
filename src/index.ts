/**
 * qvault: Qlik data files, read and written exactly.
 *
 * The house, in the order of the flow (who may import whom is held by `test/house/arrows.test.ts`):
 *
 *     bytes ──► source ──► container ──► table ──► output
 *                                          │          │
 *                                          └─ engine ─┴──► cli
 */
export { ERROR_CLASS, type ErrorClass, type ErrorCode, isQErr, QErr } from "./errors.ts";
export { memorySource } from "./source/memory.ts";
export type { ByteSource } from "./source/source.ts";
export { type Cell, type Dual, isDual, sameCell } from "./table/dual.ts";
export type { Field, NumberFormat } from "./table/field.ts";
export type { Batch, ScanOptions, Table } from "./table/table.ts";
