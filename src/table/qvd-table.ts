import type { HeaderOptions, QvdHeader } from "../container/qvd/header.ts";
import { planLayout, type QvdLayout } from "../container/qvd/layout.ts";
import { readHeader } from "../container/qvd/open.ts";
import { needs } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import type { Field } from "./field.ts";
import { scanRows } from "./record-scan.ts";
import { plainRows, type RowStore } from "./strips.ts";
import { parseSymbols } from "./symbol-parse.ts";
import { EMPTY_SYMBOLS, type SymbolTable } from "./symbols.ts";
import type { Table } from "./table.ts";

/** A QVD as a {@link Table}, with its header and layout for those who rewrite, verify or seal it. */
export interface QvdTable extends Table {
  readonly header: QvdHeader;
  readonly layout: QvdLayout;
  readonly source: ByteSource;
  /** For those who work on stored indexes. */
  readonly records: RowStore;
  /** Fills `target`, which may lie in linear memory, with bytes of a symbol table from `from`, 0 if left out, on. */
  readSymbols(ordinal: number, target: Uint8Array, from?: number): Promise<void>;
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
  const records = plainRows(source, header, layout);
  return {
    name: header.tableName,
    comment: header.comment,
    rows: header.noOfRecords,
    fields: fieldsOf(header),
    header,
    layout,
    source,
    records,
    readSymbols: (ordinal, target, from = 0) => source.readInto(layout.symbols[ordinal]!.offset + from, target),
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
    scan: (options) => scanRows(records, header, options),
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
