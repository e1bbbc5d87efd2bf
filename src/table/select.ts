import { checkScan } from "./scan-plan.ts";
import type { SymbolTable } from "./symbols.ts";
import type { Batch, ScanOptions, Table } from "./table.ts";

/** Some fields and rows of a table, with only the symbols that these rows use, in first-occurrence order. */
export interface Selection {
  /** Ordinals in the table, in the order asked for. */
  readonly ordinals: readonly number[];
  readonly rows: number;
  /** In the order of {@link ordinals}. */
  readonly columns: readonly SelectedColumn[];
  /** The rows with indexes into the new symbol tables; NULL is -2. */
  batches(): AsyncIterable<Batch>;
}

export interface SelectedColumn {
  readonly symbols: SymbolTable;
  readonly nullable: boolean;
}

const UNSEEN = -1;

/**
 * Selects in two passes over the records: one to find the symbols in use, one, by {@link Selection.batches}, to hand
 * the rows out. Memory: the symbol tables, four bytes a symbol, and a batch.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`, and what reading throws
 */
export async function selectRows(table: Table, options: ScanOptions = {}): Promise<Selection> {
  const plan = checkScan(table.fields.length, table.rows, options);
  const columns = plan.fields.map((ordinal) => new Remap(table.fields[ordinal]!.symbolCount));
  for await (const batch of table.scan(options)) {
    columns.forEach((column, k) => {
      column.see(batch.indexes[k]!, batch.rows);
    });
  }
  const selected: SelectedColumn[] = [];
  for (const [k, ordinal] of plan.fields.entries()) {
    const symbols = columns[k]!.pick(await table.symbols(ordinal));
    selected.push({ symbols, nullable: columns[k]!.nullable });
  }
  return {
    ordinals: plan.fields,
    rows: plan.to - plan.from,
    columns: selected,
    async *batches() {
      for await (const batch of table.scan({ ...options, onProgress: undefined })) {
        columns.forEach((column, k) => {
          column.apply(batch.indexes[k]!, batch.rows);
        });
        yield { ...batch, rowStart: batch.rowStart - plan.from };
      }
    },
  };
}

/** Old symbol index to new, new ones given in the order of first use. */
class Remap {
  nullable = false;
  private readonly to: Int32Array;
  private readonly order: number[] = [];

  constructor(symbolCount: number) {
    this.to = new Int32Array(symbolCount).fill(UNSEEN);
  }

  see(indexes: Int32Array, rows: number): void {
    const { to, order } = this;
    for (let row = 0; row < rows; row++) {
      const index = indexes[row]!;
      if (index < 0) this.nullable = true;
      else if (to[index] === UNSEEN) {
        to[index] = order.length;
        order.push(index);
      }
    }
  }

  apply(indexes: Int32Array, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const index = indexes[row]!;
      indexes[row] = index < 0 ? -2 : this.to[index]!;
    }
  }

  /** The used entries of `symbols`, copied in their new order. */
  pick(symbols: SymbolTable): SymbolTable {
    const starts = new Uint32Array(this.order.length + 1);
    let length = 0;
    this.order.forEach((old, i) => {
      starts[i] = length;
      length += symbols.starts[old + 1]! - symbols.starts[old]!;
    });
    starts[this.order.length] = length;
    const bytes = new Uint8Array(length);
    this.order.forEach((old, i) => {
      bytes.set(symbols.bytes.subarray(symbols.starts[old], symbols.starts[old + 1]), starts[i]);
    });
    return { bytes, starts, count: this.order.length };
  }
}
