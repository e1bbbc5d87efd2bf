import { needs, QErr } from "../errors.ts";
import type { Cell } from "./dual.ts";
import { type Field, type NumberFormat, UNKNOWN_FORMAT } from "./field.ts";
import { interner } from "./interner.ts";
import { checkScan } from "./scan-plan.ts";
import type { SymbolTable } from "./symbols.ts";
import type { Batch, ScanOptions, Table } from "./table.ts";

/** A field of a table made in memory; what is left out is UNKNOWN or empty. */
export interface MemoryField {
  readonly name: string;
  readonly numberFormat?: NumberFormat | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly comment?: string | undefined;
}

interface Column {
  readonly symbols: SymbolTable;
  readonly indexes: Int32Array;
}

const DEFAULT_BATCH_ROWS = 8192;

/**
 * A table of cells in memory, for tests and for programs that have values rather than a file. Symbols come in the order
 * of their first row, one for each distinct cell (dual 1/`01` and dual 1/`1` are two, -0 and 0 are two).
 * @throws `USAGE` if the columns are not as many as the fields, or not of one length
 */
export function memoryTable(
  name: string,
  fields: readonly (string | MemoryField)[],
  columns: readonly (readonly Cell[])[],
): Table {
  needs(fields.length === columns.length, "USAGE", "a table needs one column of cells for each field");
  const rows = columns[0]?.length ?? 0;
  const stored = columns.map((cells) => {
    needs(cells.length === rows, "USAGE", "the columns of a table need as many cells each");
    return encodeColumn(cells);
  });
  const described = fields.map((field, k) => describe(typeof field === "string" ? { name: field } : field, stored[k]!));
  return {
    name,
    comment: "",
    rows,
    fields: described,
    async symbols(ordinal) {
      const column = stored[ordinal];
      if (column === undefined) throw new QErr("TABLE_NO_FIELD", `the table has no field number ${ordinal}`);
      return column.symbols;
    },
    scan: (options = {}) => scan(stored, rows, options),
    async close() {},
  };
}

function describe(field: MemoryField, column: Column): Field {
  const nullable = column.indexes.includes(-2);
  const states = column.symbols.count + (nullable ? 2 : 0);
  return {
    name: field.name,
    numberFormat: field.numberFormat ?? UNKNOWN_FORMAT,
    tags: field.tags ?? [],
    comment: field.comment ?? "",
    symbolCount: column.symbols.count,
    bitWidth: states <= 1 ? 0 : 32 - Math.clz32(states - 1),
    nullable,
  };
}

function encodeColumn(cells: readonly Cell[]): Column {
  const symbols = interner();
  const indexes = Int32Array.from(cells, (cell) => (cell === null ? -2 : symbols.add(cell)));
  return { symbols: symbols.table(), indexes };
}

async function* scan(columns: readonly Column[], rows: number, options: ScanOptions): AsyncGenerator<Batch> {
  const { fields, from, to, batchRows = DEFAULT_BATCH_ROWS } = checkScan(columns.length, rows, options);
  for (let at = from; at < to; at += batchRows) {
    if (options.signal?.aborted) throw new QErr("CANCELLED", "the scan was cancelled");
    const end = Math.min(at + batchRows, to);
    yield { rowStart: at, rows: end - at, indexes: fields.map((k) => columns[k]!.indexes.subarray(at, end)) };
    options.onProgress?.(end - from, to - from);
  }
}
