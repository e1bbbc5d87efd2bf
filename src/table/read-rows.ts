import type { Cell } from "./dual.ts";
import { type SymbolTable, symbolCell } from "./symbols.ts";
import type { ScanOptions, Table } from "./table.ts";

/**
 * Rows as arrays of cells, for a page or a small table: every row is an object, so do not ask for millions.
 * Symbol tables of the fields asked for are fetched whole; each symbol is decoded once.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`, and what reading throws
 */
export async function readRows(table: Table, options: ScanOptions = {}): Promise<Cell[][]> {
  const ordinals = options.fields ?? table.fields.map((_, ordinal) => ordinal);
  const columns = await Promise.all(ordinals.map(async (ordinal) => cellReader(await table.symbols(ordinal))));
  const rows: Cell[][] = [];
  for await (const batch of table.scan(options)) {
    for (let row = 0; row < batch.rows; row++) {
      rows.push(columns.map((cell, k) => cell(batch.indexes[k]![row]!)));
    }
  }
  return rows;
}

/** Decodes symbols on first use and keeps them. */
export function cellReader(symbols: SymbolTable): (index: number) => Cell {
  const seen = new Map<number, Cell>();
  return (index) => {
    if (index < 0) return null;
    const known = seen.get(index);
    if (known !== undefined) return known;
    const cell = symbolCell(symbols, index);
    seen.set(index, cell);
    return cell;
  };
}
