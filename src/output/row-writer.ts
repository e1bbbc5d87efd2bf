import { type ByteWriter, byteWriter, reserve, writeBytes } from "../bytes/writer.ts";
import type { SymbolTable } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import { DEFAULT_CACHE_BYTES, type ExportOptions, type ExportSink, planExport } from "./options.ts";

/** Appends the encoded form of symbol `index`, or of NULL if it is negative. */
export type CellEncoder = (out: ByteWriter, symbols: SymbolTable, index: number) => void;

/** One column of the output; two of them may show two sides of one field. */
export interface OutputColumn {
  readonly ordinal: number;
  /** Bytes before each cell: a delimiter, a key. */
  readonly lead: Uint8Array;
  readonly encode: CellEncoder;
}

/** What stands around the cells of a row. */
export interface RowLayout {
  readonly columns: readonly OutputColumn[];
  /** After the last cell of each row. */
  readonly end: Uint8Array;
  /** Between two rows. */
  readonly between: Uint8Array;
}

/** A column of which every symbol is encoded: entry 0 is NULL, entry `i + 1` is symbol `i`, each with the lead. */
interface Encoded {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
}

interface Plan {
  readonly column: OutputColumn;
  readonly symbols: SymbolTable;
  /** Position of the field in a batch. */
  readonly position: number;
  readonly encoded: Encoded | undefined;
}

/** Output is handed over in pieces of about this many bytes; one row may make a piece longer. */
const PIECE_BYTES = 256 * 1024;

/** Up to this length a plain loop copies faster than `set` of a view. */
const SHORT_COPY = 48;

/**
 * Writes rows of encoded cells. Every symbol is encoded once where its field fits the cache budget and the rows are as
 * many as to make use of it; else cell by cell. Memory is the cache, one batch and one piece of output.
 * @returns the number of rows written
 */
export async function writeRows(
  table: Table,
  sink: ExportSink,
  layout: RowLayout,
  options: ExportOptions,
): Promise<number> {
  const fields = [...new Set(layout.columns.map((column) => column.ordinal))];
  const plans = await planColumns(table, layout.columns, fields, options);
  const out = byteWriter(PIECE_BYTES * 2);
  let rows = 0;
  for await (const batch of table.scan({ ...options.scan, fields })) {
    let row = 0;
    while (row < batch.rows) {
      if (rows + row > 0) writeBytes(out, layout.between);
      row = appendRows(out, plans, batch.indexes, row, batch.rows, layout);
      if (out.length >= PIECE_BYTES) {
        await sink.write(out.bytes.subarray(0, out.length));
        out.length = 0;
      }
    }
    rows += batch.rows;
  }
  if (out.length > 0) await sink.write(out.bytes.subarray(0, out.length));
  return rows;
}

/** Appends rows until the piece is full; returns the row after the last. */
function appendRows(
  out: ByteWriter,
  plans: readonly Plan[],
  indexes: readonly Int32Array[],
  first: number,
  rows: number,
  layout: RowLayout,
): number {
  let row = first;
  while (true) {
    for (const plan of plans) {
      const index = indexes[plan.position]![row]!;
      const { encoded } = plan;
      if (encoded === undefined) {
        writeBytes(out, plan.column.lead);
        plan.column.encode(out, plan.symbols, index);
        continue;
      }
      const entry = index < 0 ? 0 : index + 1;
      const { bytes, starts } = encoded;
      let from = starts[entry]!;
      const to = starts[entry + 1]!;
      let at = reserve(out, to - from);
      const target = out.bytes;
      if (to - from > SHORT_COPY) target.set(bytes.subarray(from, to), at);
      else while (from < to) target[at++] = bytes[from++]!;
    }
    writeBytes(out, layout.end);
    row++;
    if (row === rows || out.length >= PIECE_BYTES) return row;
    if (layout.between.length > 0) writeBytes(out, layout.between);
  }
}

async function planColumns(
  table: Table,
  columns: readonly OutputColumn[],
  fields: readonly number[],
  options: ExportOptions,
): Promise<readonly Plan[]> {
  const { from, to } = planExport(table, options);
  let left = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
  const plans: Plan[] = [];
  for (const column of columns) {
    const symbols = await table.symbols(column.ordinal);
    const position = fields.indexOf(column.ordinal);
    // Encoding more symbols than there are cells to write costs more than it saves.
    const encoded = symbols.count <= to - from ? encodeAll(column, symbols, left) : undefined;
    if (encoded !== undefined) left -= encoded.bytes.byteLength + encoded.starts.byteLength;
    plans.push({ column, symbols, position, encoded });
  }
  return plans;
}

/** Encodes NULL and every symbol, or gives up when `budget` bytes do not hold them. */
function encodeAll(column: OutputColumn, symbols: SymbolTable, budget: number): Encoded | undefined {
  const { count } = symbols;
  const startBytes = (count + 2) * 4;
  if (symbols.bytes.byteLength + count * column.lead.length + startBytes > budget) return undefined;
  const out = byteWriter(symbols.bytes.byteLength + count * (column.lead.length + 4) + 64);
  const starts = new Uint32Array(count + 2);
  for (let index = -1; index < count; index++) {
    starts[index + 1] = out.length;
    writeBytes(out, column.lead);
    column.encode(out, symbols, index);
    if (out.length + startBytes > budget) return undefined;
  }
  starts[count + 1] = out.length;
  return { bytes: out.bytes.subarray(0, out.length), starts };
}
