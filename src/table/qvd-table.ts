import { unpackField } from "../bytes/bitfield.ts";
import type { HeaderOptions, QvdFieldHeader, QvdHeader } from "../container/qvd/header.ts";
import { planLayout, type QvdLayout } from "../container/qvd/layout.ts";
import { readHeader } from "../container/qvd/open.ts";
import { needs, QErr, quoted } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import type { Field } from "./field.ts";
import { recordChunks } from "./record-chunks.ts";
import { kernelUnpacker, scriptUnpacker } from "./record-unpack.ts";
import { checkScan, type ScanPlan } from "./scan-plan.ts";
import { parseSymbols } from "./symbol-parse.ts";
import { EMPTY_SYMBOLS, type SymbolTable } from "./symbols.ts";
import type { Batch, ScanOptions, Table } from "./table.ts";

/** Record bytes fetched at a time: large enough for a disk, small enough for the second-level cache. */
const CHUNK_BYTES = 1024 * 1024;
/** Rows a batch at the most, whatever the record size: bounds the index arrays to 256 KiB a field. */
const CHUNK_ROWS = 65_536;
/** Indexes in a batch: bounds the index arrays of all fields to 64 MiB, as a table may have thousands of fields. */
const CHUNK_INDEXES = 16 * 1024 * 1024;

/** Cells from which on a kernel is worth its start (some milliseconds). */
const KERNEL_CELLS = 262_144;

/** A QVD as a {@link Table}, with its header and layout for those who rewrite, verify or seal it. */
export interface QvdTable extends Table {
  readonly header: QvdHeader;
  readonly layout: QvdLayout;
  readonly source: ByteSource;
}

/** True if `table` is stored in a QVD, so that its header can be carried over. */
export function isQvdTable(table: Table): table is QvdTable {
  return "layout" in table && "header" in table;
}

/**
 * Opens a QVD: reads its header, plans its layout, fetches no data.
 * Closing the table closes the source.
 * @throws the errors of `readHeader` and `planLayout`
 */
export async function openQvdTable(source: ByteSource, options: HeaderOptions = {}): Promise<QvdTable> {
  const header = await readHeader(source, options);
  return qvdTable(source, header, planLayout(header, source.size));
}

/** A table over a header and a layout that were read before. */
export function qvdTable(source: ByteSource, header: QvdHeader, layout: QvdLayout): QvdTable {
  const tables = new Map<number, Promise<SymbolTable>>();
  return {
    name: header.tableName,
    comment: header.comment,
    rows: header.noOfRecords,
    fields: fieldsOf(header),
    header,
    layout,
    source,
    symbols(ordinal) {
      let table = tables.get(ordinal);
      if (table === undefined) {
        table = fetchSymbols(source, header, layout, ordinal);
        tables.set(ordinal, table);
        // A failed fetch may be tried again.
        table.catch(() => tables.delete(ordinal));
      }
      return table;
    },
    scan: (scanOptions) => scan(source, header, layout, scanOptions),
    async close() {
      tables.clear();
      await source.close();
    },
  };
}

/** What a header says of its fields. */
export function fieldsOf(header: QvdHeader): readonly Field[] {
  return header.fields.map((f) => ({
    name: f.name,
    numberFormat: f.numberFormat,
    tags: f.tags,
    comment: f.comment,
    symbolCount: f.noOfSymbols,
    bitWidth: f.bitWidth,
    nullable: f.bias < 0,
  }));
}

/**
 * Fetches a symbol table that nobody keeps.
 * @throws `TABLE_NO_FIELD`, `QVD_SYMBOL`, and what the source throws
 */
export async function fetchSymbols(
  source: ByteSource,
  header: QvdHeader,
  layout: QvdLayout,
  ordinal: number,
): Promise<SymbolTable> {
  const part = layout.symbols[ordinal];
  needs(part !== undefined, "TABLE_NO_FIELD", `there is no field number ${ordinal}`);
  if (part.length === 0) return EMPTY_SYMBOLS;
  const bytes = await source.read(part.offset, part.length);
  return parseSymbols(bytes, header.fields[ordinal]!.noOfSymbols, part.name, part.offset);
}

async function* scan(
  source: ByteSource,
  header: QvdHeader,
  layout: QvdLayout,
  options: ScanOptions = {},
): AsyncGenerator<Batch> {
  const plan: ScanPlan = checkScan(header.fields.length, header.noOfRecords, options);
  const size = header.recordByteSize;
  const { from, to } = plan;
  const chunkRows = rowsABatch(plan, size);
  const fields = plan.fields.map((ordinal) => header.fields[ordinal]!);
  const room = Math.min(chunkRows, to - from);
  const make = (to - from) * fields.length < KERNEL_CELLS ? scriptUnpacker : kernelUnpacker;
  const { records, indexes, unpack } = make(size, fields, room);
  // Nothing is fetched for fields that take no bits.
  const recordBytes = fields.some((f) => f.bitWidth > 0) ? size : 0;
  const { signal } = options;
  const range = { source, offset: layout.records.offset, recordBytes, from, to, chunkRows, signal };
  for await (const { buffer, row, rows } of recordChunks(range, records)) {
    const bad = unpack(buffer, rows);
    if (bad >= 0) throw outOfRange(fields[bad]!, records[buffer], size, row, layout.records.offset + row * size);
    yield { rowStart: row, rows, indexes };
    options.onProgress?.(row + rows - from, to - from);
  }
}

function rowsABatch(plan: ScanPlan, recordBytes: number): number {
  const byBytes = Math.floor(CHUNK_BYTES / Math.max(1, recordBytes));
  const byIndexes = Math.floor(CHUNK_INDEXES / Math.max(1, plan.fields.length));
  return Math.max(1, Math.min(plan.batchRows ?? CHUNK_ROWS, CHUNK_ROWS, byBytes, byIndexes));
}

/** The error for the first of `records` whose index has no symbol; there is one. */
function outOfRange(
  field: QvdFieldHeader,
  records: Uint8Array,
  recordBytes: number,
  rowStart: number,
  offset: number,
): QErr {
  const { name, noOfSymbols, bitOffset, bitWidth, bias } = field;
  const one = new Int32Array(1);
  // The index itself may not fit an int32, so it is taken from what unpacking says, record by record.
  const indexAt = (row: number) =>
    unpackField(records.subarray(row * recordBytes), recordBytes, 1, bitOffset, bitWidth, bias, one);
  let first = 0;
  while (indexAt(first) < noOfSymbols) first += 1;
  const message = `index table: row ${rowStart + first} refers to symbol ${indexAt(first)} of field ${quoted(name)}, which has ${noOfSymbols}`;
  return new QErr("QVD_INDEX", message, {
    part: "index table",
    offset: offset + first * recordBytes,
    length: recordBytes,
  });
}
